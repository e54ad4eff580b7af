//! Writes the manual pages and the completions of shells into a folder, for packages to install:
//! `cargo run -p locum --features manual --example manual -- FOLDER`

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("say which folder to write into");
        return ExitCode::from(2);
    };
    match locum::write_manual(Path::new(&folder)) {
        Ok(files) => {
            files.iter().for_each(|file| println!("{}", file.display()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", Path::new(&folder).display());
            ExitCode::FAILURE
        }
    }
}
