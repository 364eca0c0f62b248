//! The machines that wide code is made for.

use super::code::Class;
use super::encode::Reg;

/// How wide vectors are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub enum Level {
    /// AVX2.
    Bits256,
    /// AVX-512 with its parts F, DQ and VL.
    Bits512,
}

impl Level {
    /// The widest first.
    pub const ALL: [Level; 2] = [Level::Bits512, Level::Bits256];

    /// What [`DETECT`] gives on a machine that has this level and no more.
    pub fn number(self) -> u8 {
        match self {
            Level::Bits256 => 2,
            Level::Bits512 => 3,
        }
    }

    /// The widest that this processor and its system have.
    pub fn here() -> Option<Level> {
        #[cfg(target_arch = "x86_64")]
        {
            let has_512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
            if has_512 && is_x86_feature_detected!("avx512vl") {
                return Some(Level::Bits512);
            }
            if is_x86_feature_detected!("avx2") {
                return Some(Level::Bits256);
            }
        }
        None
    }

    pub fn bits(self) -> u16 {
        match self {
            Level::Bits256 => 256,
            Level::Bits512 => 512,
        }
    }

    pub fn bytes(self) -> u32 {
        self.bits() as u32 / 8
    }

    /// Of 64 bits, in a vector.
    pub fn lanes(self) -> usize {
        self.bits() as usize / 64
    }

    pub fn has_masks(self) -> bool {
        self == Level::Bits512
    }

    /// The file in which registers of a class are, and its numbers in the order in which they are taken.
    pub(super) fn registers(self, class: Class) -> (File, &'static [Reg]) {
        // What a caller expects to be kept comes last.
        const GENERAL: [Reg; 14] = [0, 1, 2, 6, 7, 8, 9, 10, 11, 3, 12, 13, 14, 15];
        const VECTORS: [Reg; 32] = {
            let mut all = [0; 32];
            let mut i = 0;
            while i < 32 {
                all[i] = i as u8;
                i += 1;
            }
            all
        };
        // The last is for the emitter, where an instruction changes its mask; the first means no mask.
        const MASKS: [Reg; 6] = [1, 2, 3, 4, 5, 6];
        match class {
            Class::General => (File::General, &GENERAL),
            Class::Mask if self.has_masks() => (File::Mask, &MASKS),
            Class::Vector | Class::Mask if self.has_masks() => (File::Vector, &VECTORS),
            // One is the emitter's.
            Class::Vector | Class::Mask => (File::Vector, VECTORS.split_at(15).0),
        }
    }
}

/// Registers that a C function leaves as they were.
pub const KEPT: [Reg; 5] = [3, 12, 13, 14, 15];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum File {
    General,
    Vector,
    Mask,
}

/// A C function without parameters that gives the number of the widest level that processor and system have, or 1. Leaf 1 says whether the
/// system saves wide registers, the register XCR0 which of them, and leaf 7 what the processor has
/// [Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, §14.3 and §15.2].
#[rustfmt::skip]
pub const DETECT: [u8; 93] = [
    0x53, // push rbx
    0xBE, 0x01, 0x00, 0x00, 0x00, // mov esi,0x1
    0x31, 0xC0, // xor eax,eax
    0x0F, 0xA2, // cpuid
    0x83, 0xF8, 0x07, // cmp eax,0x7
    0x72, 0x4A, // jb 59 done
    0xB8, 0x01, 0x00, 0x00, 0x00, // mov eax,0x1
    0x0F, 0xA2, // cpuid
    0xF7, 0xD1, // not ecx
    0xF7, 0xC1, 0x00, 0x00, 0x00, 0x18, // test ecx,0x18000000
    0x75, 0x39, // jne 59 done
    0x31, 0xC9, // xor ecx,ecx
    0x0F, 0x01, 0xD0, // xgetbv
    0x89, 0xC7, // mov edi,eax
    0x83, 0xE0, 0x06, // and eax,0x6
    0x83, 0xF8, 0x06, // cmp eax,0x6
    0x75, 0x2A, // jne 59 done
    0xB8, 0x07, 0x00, 0x00, 0x00, // mov eax,0x7
    0x31, 0xC9, // xor ecx,ecx
    0x0F, 0xA2, // cpuid
    0xF6, 0xC3, 0x20, // test bl,0x20
    0x74, 0x1C, // je 59 done
    0xFF, 0xC6, // inc esi
    0x81, 0xE7, 0xE6, 0x00, 0x00, 0x00, // and edi,0xe6
    0x81, 0xFF, 0xE6, 0x00, 0x00, 0x00, // cmp edi,0xe6
    0x75, 0x0C, // jne 59 done
    0xF7, 0xD3, // not ebx
    0xF7, 0xC3, 0x00, 0x00, 0x03, 0x80, // test ebx,0x80030000
    0x75, 0x02, // jne 59 done
    0xFF, 0xC6, // inc esi
    0x89, 0xF0, // mov eax,esi
    0x5B, // pop rbx
    0xC3, // ret
];

#[cfg(test)]
mod tests {
    use super::Level;

    /// The library looks at the same leaves.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn what_is_detected_is_what_is_here() {
        let mut here = 1;
        for level in Level::ALL.into_iter().rev().filter(|level| Level::here().is_some_and(|here| *level <= here)) {
            here = level.number();
        }
        assert_eq!(detected(), here);
    }

    #[cfg(target_arch = "x86_64")]
    fn detected() -> u8 {
        use cranelift_jit::{JITBuilder, JITModule};
        use cranelift_module::{Linkage, Module};
        let builder = JITBuilder::new(cranelift_module::default_libcall_names()).expect("a module");
        let mut module = JITModule::new(builder);
        let mut signature = module.make_signature();
        signature.returns.push(cranelift_codegen::ir::AbiParam::new(cranelift_codegen::ir::types::I32));
        let id = module.declare_function("detect", Linkage::Export, &signature).expect("a function");
        module.define_function_bytes(id, 16, &super::DETECT, &[]).expect("bytes");
        module.finalize_definitions().expect("code");
        // SAFETY: the function takes nothing and gives an i32.
        let detect: extern "C" fn() -> i32 = unsafe { std::mem::transmute(module.get_finalized_function(id)) };
        detect() as u8
    }
}
