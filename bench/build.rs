//! Passes the build profile to the program, so that reports of an unoptimised build are marked.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let variable = |name: &str| env::var(name).unwrap_or_default();
    for (name, value) in [
        ("BENCH_PROFILE", variable("PROFILE")),
        ("BENCH_OPT_LEVEL", variable("OPT_LEVEL")),
        ("BENCH_TARGET", variable("TARGET")),
        ("BENCH_RUSTC", version.unwrap_or_default()),
    ] {
        println!("cargo::rustc-env={name}={value}");
    }
}
