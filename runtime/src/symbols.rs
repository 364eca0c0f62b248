//! Every function that compiled code may call, by name. The JIT resolves names here and nowhere else.

use crate::{array, context, host, linear, object, tangent, text};

macro_rules! table {
    ($($module:ident: $($name:ident)*;)*) => {
        /// Names and addresses.
        pub fn table() -> Vec<(&'static str, *const u8)> {
            let mut table = vec![$($((stringify!($name), $module::$name as *const u8)),*),*];
            table.extend(crate::math::table());
            table
        }
    };
}

table! {
    array: dprog_rt_fill dprog_rt_grow dprog_rt_slice dprog_rt_get_part dprog_rt_put_part dprog_rt_put_slice
        dprog_rt_copy dprog_rt_set_apart dprog_rt_reshape dprog_rt_sort_permutation dprog_rt_same_shape;
    context: dprog_rt_trap dprog_rt_trace dprog_rt_trap_text;
    linear: dprog_rt_sum_apart_f64 dprog_rt_sum_apart_f32 dprog_rt_dot_apart_f64 dprog_rt_dot_apart_f32 dprog_rt_sum_f64 dprog_rt_sum_f32 dprog_rt_dot_f64 dprog_rt_dot_f32 dprog_rt_matmul_f64 dprog_rt_matmul_f32
        dprog_rt_matvec_f64 dprog_rt_matvec_f32 dprog_rt_outer_f64 dprog_rt_outer_f32;
    object: dprog_rt_drop dprog_rt_release dprog_rt_new_array dprog_rt_new_list dprog_rt_new_text
        dprog_rt_new_node dprog_rt_unshare;
    tangent: dprog_rt_zeros_like dprog_rt_add_tangent dprog_rt_add_element;
    text: dprog_rt_concat dprog_rt_compare_text dprog_rt_format;
    host: dprog_rt_host;
}
