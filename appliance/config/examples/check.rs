#![allow(missing_docs, clippy::print_stdout, reason = "a tool for trying things out")]
fn main() {
    for path in std::env::args().skip(1) {
        let around = locum_config::Surroundings::default();
        match locum_config::load(std::path::Path::new(&path), &around) {
            Ok(configuration) => print!("{}", configuration.render_text(locum_config::Style::default())),
            Err(error) => println!("error: {error}"),
        }
    }
}
