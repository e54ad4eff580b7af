//! The choice of the overview's columns.

use crate::columns::{Column, Columns};
use crate::model::Model;
use crate::model::dialog::{Button, Dialog, Does, Field, Kind};

/// Asks which columns to show.
pub(super) fn open(model: &mut Model) {
    let shown = |column: Column| match model.columns.chosen() {
        Some(chosen) => chosen.contains(&column),
        None => column != Column::Health && column != Column::Family,
    };
    let fields = Column::ALL.into_iter().map(|column| {
        let before = if shown(column) { "yes" } else { "no" };
        Field::new(column.name(), Kind::Column(column), before.into())
    });
    let lines = vec!["What does not fit is left out at the right. y, n or Space; Enter goes on.".to_owned()];
    let mut dialog = Dialog::question("Columns", lines, Vec::new()).with_fields(fields.collect());
    dialog.buttons.push(Button { name: "Show these".into(), does: Does::Columns });
    dialog.buttons.push(Button { name: "As many as fit".into(), does: Does::AutoColumns });
    dialog.node = model.nodes.at;
    dialog.at = 0;
    model.dialog = Some(dialog);
}

/// Shows the columns that the fields of `dialog` say yes to.
pub(super) fn choose(model: &mut Model, dialog: &Dialog) {
    let chosen = dialog.fields.iter().filter(|field| field.text == "yes").map(|field| field.label.as_str());
    match Columns::read(&chosen.collect::<Vec<_>>().join(" ")) {
        Ok(columns) => model.columns = columns,
        Err(problem) => model.say(problem, true),
    }
}
