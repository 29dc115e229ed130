// Generic functions, closures, trait methods and inlining, as rustc names and describes them.
use std::collections::HashMap;

mod inner {
    pub struct Holder<T>(pub T);
    impl<T: Clone> Holder<T> {
        #[inline(never)]
        pub fn get(&self) -> T {
            self.0.clone()
        }
    }
    pub trait Measure {
        fn measure(&self) -> usize;
    }
    impl Measure for Vec<String> {
        #[inline(never)]
        fn measure(&self) -> usize {
            self.iter().map(|s| s.len()).sum()
        }
    }
}
use inner::Measure;

#[inline(always)]
fn square(x: u64) -> u64 {
    x * x + 1
}

fn main() {
    let mut map: HashMap<String, u64> = HashMap::new();
    for i in 0..10u64 {
        map.insert(format!("{}", i), square(i));
    }
    let names: Vec<String> = map.keys().cloned().collect();
    let add = |x: usize| x + names.measure();
    println!("{} {}", add(1), inner::Holder(String::from("a")).get());
}
