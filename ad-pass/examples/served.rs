fn main() {
    let text = std::fs::read_to_string(std::env::args().nth(1).unwrap()).unwrap();
    let mut m = dprog_ir::parse::parse(&text).unwrap();
    let t = std::time::Instant::now();
    println!("{:?}", dprog_ad::differentiate(&mut m));
    eprintln!("{:?}", t.elapsed());
    println!("{m}");
    dprog_ir::verify::verify_or_panic(&m, "ad");
}
