//! Named tensors in safetensors files.

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;

/// A tensor in a kind of its own; programs see all of them as f64.
#[derive(Clone, Debug)]
pub struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// The tensors that are to be saved, and those of the file read last.
#[derive(Default)]
pub(super) struct Tensors {
    /// In order.
    pub saving: Vec<(String, Tensor)>,
    loaded: BTreeMap<String, Tensor>,
}

impl Tensors {
    pub fn add(&mut self, name: &str, shape: &[i64], data: &[f64], kind: &str) {
        let (dtype, bytes) = encode(kind, data);
        let shape = shape.iter().map(|d| *d as usize).collect();
        self.saving.push((name.to_string(), Tensor { dtype, shape, bytes }));
    }

    pub fn save(&self, path: &str) -> Result<(), String> {
        save(path, &self.saving).map_err(|error| format!("{path}: {error}"))
    }

    pub fn load(&mut self, path: &str) -> Result<(), String> {
        self.loaded = BTreeMap::new();
        self.loaded = load(path).map_err(|error| format!("{path}: {error}"))?;
        Ok(())
    }

    /// Shape and numbers of a tensor that was loaded.
    pub fn get(&self, name: &str) -> Option<(Vec<i64>, Vec<f64>)> {
        let tensor = self.loaded.get(name)?;
        Some((tensor.shape.iter().map(|d| *d as i64).collect(), decode(tensor)?))
    }
}

fn encode(kind: &str, data: &[f64]) -> (Dtype, Vec<u8>) {
    macro_rules! bytes {
        ($ty:ty) => {
            data.iter().flat_map(|x| (*x as $ty).to_le_bytes()).collect()
        };
    }
    match kind {
        "F32" => (Dtype::F32, bytes!(f32)),
        "I64" => (Dtype::I64, bytes!(i64)),
        "I32" => (Dtype::I32, bytes!(i32)),
        "U8" => (Dtype::U8, bytes!(u8)),
        "BOOL" => (Dtype::BOOL, data.iter().map(|x| (*x != 0.0) as u8).collect()),
        _ => (Dtype::F64, bytes!(f64)),
    }
}

/// The numbers of a tensor; `None` for kinds that programs cannot have.
fn decode(tensor: &Tensor) -> Option<Vec<f64>> {
    macro_rules! numbers {
        ($ty:ty) => {
            tensor.bytes.as_chunks().0.iter().map(|b| <$ty>::from_le_bytes(*b) as f64).collect()
        };
    }
    Some(match tensor.dtype {
        Dtype::F64 => numbers!(f64),
        Dtype::F32 => numbers!(f32),
        Dtype::I64 => numbers!(i64),
        Dtype::I32 => numbers!(i32),
        Dtype::U8 | Dtype::BOOL => tensor.bytes.iter().map(|b| *b as f64).collect(),
        _ => return None,
    })
}

fn save(path: &str, tensors: &[(String, Tensor)]) -> Result<(), String> {
    let mut views = Vec::new();
    for (name, tensor) in tensors {
        let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes).map_err(|e| e.to_string())?;
        views.push((name.as_str(), view));
    }
    let bytes = safetensors::serialize(views, None).map_err(|e| e.to_string())?;
    std::fs::write(path, bytes).map_err(|e| e.to_string())
}

fn load(path: &str) -> Result<BTreeMap<String, Tensor>, String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| e.to_string())?;
    let owned =
        |view: TensorView| Tensor { dtype: view.dtype(), shape: view.shape().to_vec(), bytes: view.data().to_vec() };
    Ok(file.iter().map(|(name, view)| (name.to_string(), owned(view))).collect())
}
