//! Forms: the everyday options of an instance, all of them, or a new instance. Nothing changes before its consequences were
//! shown.

use std::sync::Arc;

use locum_control::{InstanceStatus, List, Mode, Setting, SortedSet};

use crate::model::Model;
use crate::model::dialog::{Button, Dialog, Does, Field, Kind, Subject, decimal, typed_words};
use crate::schema::{Keyword, Schema, Takes};
use crate::text::clean;
use crate::update::{TEXT_CHARS_MAX, steer};

/// Options that the everyday form has, or that stand in a block of their own.
const EVERYDAY: [&str; 5] = ["priority", "nopreempt", "preempt_delay", "advert_int", "preempt"];

/// The priority of an instance.
pub(super) fn priority(model: &mut Model, name: &str) {
    let Some(status) = status(model, name) else { return };
    let fields = vec![priority_field(status)];
    open(model, name, &format!("Priority of {name}"), fields);
}

/// The everyday options of an instance.
pub(super) fn edit(model: &mut Model, name: &str) {
    let Some(status) = status(model, name) else { return };
    let mut fields = vec![priority_field(status)];
    fields.extend(timer_fields(status));
    let vips: Vec<&str> = status.vips.iter().filter(|vip| !vip.excluded).map(|vip| vip.address.as_str()).collect();
    fields.push(Field::new("addresses", Kind::Addresses(List::Vip), vips.join(", ")));
    let excluded: Vec<&str> = status.vips.iter().filter(|vip| vip.excluded).map(|vip| vip.address.as_str()).collect();
    if !excluded.is_empty() {
        fields.push(Field::new("not in adverts", Kind::Addresses(List::ExcludedVip), excluded.join(", ")));
    }
    if let Mode::Unicast { peers } = &status.mode {
        let peers: Vec<String> = peers.iter().map(ToString::to_string).collect();
        fields.push(Field::new("unicast peers", Kind::Addresses(List::Peer), peers.join(", ")));
    }
    open(model, name, &format!("Edit {name}"), fields);
}

/// Every other option that the schema knows, as the configuration has it. `None` where no schema is known.
pub(super) fn all(schema: &Schema, name: &str, settings: &[Setting]) -> Option<Dialog> {
    let setting = |keyword: &Keyword| settings.iter().find(|setting| setting.keyword == keyword.name);
    let others = schema.instance.iter().filter(|keyword| !EVERYDAY.contains(&keyword.name.as_str()));
    // What is set comes first: among all that could be, it would be looked for.
    let (set, unset): (Vec<_>, Vec<_>) = others.partition(|keyword| setting(keyword).is_some());
    let field = |keyword: &Keyword| {
        let says = match (setting(keyword), &keyword.takes) {
            (found, Takes::Nothing) => if found.is_some() { "yes" } else { "no" }.to_owned(),
            (None, _) => String::new(),
            // A switch that stands there alone is on.
            (Some(setting), Takes::Choice(words)) if setting.values.is_empty() => {
                words.first().cloned().unwrap_or_default()
            }
            (Some(setting), _) => typed_words(&setting.values),
        };
        Field::new(keyword.name.clone(), Kind::Other(Arc::new(keyword.clone())), says)
    };
    let fields: Vec<Field> = set.into_iter().chain(unset).map(field).collect();
    if fields.is_empty() {
        return None;
    }
    let lines = vec!["What is empty is not in the configuration; what you empty goes out of it.".to_owned()];
    let mut dialog = Dialog::question(&format!("All options of {name}"), lines, Vec::new()).with_fields(fields);
    dialog.buttons.push(Button { name: "Preview".into(), does: Does::Preview(Subject::Edit(name.into())) });
    dialog.at = 0;
    Some(dialog)
}

/// A new instance, like the marked one.
pub(super) fn new(model: &mut Model) {
    let template = model.selected().map(|instance| &instance.status);
    let of = |get: fn(&InstanceStatus) -> String| template.map_or_else(String::new, get);
    let names: SortedSet<&str> = model.replica().instances.keys().map(String::as_str).collect();
    let name = (1..).map(|number: u32| format!("VI_{number}")).find(|name| !names.contains(name.as_str()));
    let vrid = free_vrid(model, template).map_or_else(String::new, |vrid| vrid.to_string());
    let interface = of(|status| status.interface.clone());
    let is_v2 = template.is_none_or(|status| status.version == 2);
    let mut fields = vec![
        Field::new("name", Kind::Name, name.unwrap_or_default()),
        Field::new("interface", Kind::Word { keyword: "interface" }, interface),
        Field::new("VRID", Kind::Number { keyword: "virtual_router_id", least: 1, most: 255 }, vrid),
        Field::new("priority", Kind::Number { keyword: "priority", least: 1, most: 254 }, "100".into()),
        Field::new("advert_int", interval_kind(is_v2), "1".into()),
        Field::new("preempt", Kind::Preempt, "yes".into()),
        Field::new("addresses", Kind::Addresses(List::Vip), String::new()),
    ];
    if let Some((Mode::Unicast { peers }, source)) = template.map(|status| (&status.mode, status.source)) {
        let source = source.map_or_else(String::new, |source| source.to_string());
        fields.push(Field::new("unicast_src_ip", Kind::Word { keyword: "unicast_src_ip" }, source));
        let peers: Vec<String> = peers.iter().map(ToString::to_string).collect();
        fields.push(Field::new("unicast peers", Kind::Addresses(List::Peer), peers.join(", ")));
    }
    let like = template.map_or_else(String::new, |status| format!(", like {}", status.name));
    let lines = vec![
        format!("A new instance{like}; the other routers need it with the same VRID and addresses."),
        "A password is not copied: it goes into the file.".to_owned(),
    ];
    let mut dialog = Dialog::question("New instance", lines, Vec::new()).with_fields(fields);
    dialog.buttons.push(Button { name: "Preview".into(), does: Does::Preview(Subject::New) });
    dialog.at = 0;
    steer::ask(model, dialog);
}

/// The first VRID behind that of `template` with which nobody was heard on its interface.
fn free_vrid(model: &Model, template: Option<&InstanceStatus>) -> Option<u8> {
    let template = template?;
    let own = model.replica().instances.values().map(|instance| &instance.status);
    let own = own.filter(|status| status.interface == template.interface).map(|status| status.vrid);
    let foreign = model.replica().interfaces.get(&template.interface).into_iter();
    let foreign = foreign.flat_map(|interface| &interface.status.foreign).map(|group| group.vrid);
    let used: SortedSet<u8> = own.chain(foreign).collect();
    (template.vrid..=255).chain(1..template.vrid).find(|vrid| !used.contains(vrid))
}

fn status<'a>(model: &'a Model, name: &str) -> Option<&'a InstanceStatus> {
    model.replica().instances.get(name).map(|instance| &instance.status)
}

fn priority_field(status: &InstanceStatus) -> Field {
    let most = if status.priority == u8::MAX { 255 } else { 254 };
    Field::new("priority", Kind::Number { keyword: "priority", least: 1, most }, status.priority.to_string())
}

const fn interval_kind(is_v2: bool) -> Kind {
    let (least_cs, most_cs) = if is_v2 { (100, 25_500) } else { (1, 4_095) };
    Kind::Seconds { keyword: "advert_int", least_cs, most_cs, is_whole: is_v2 }
}

fn timer_fields(status: &InstanceStatus) -> [Field; 3] {
    let preempt = if status.preempt { "yes" } else { "no" };
    let kind = Kind::Seconds { keyword: "preempt_delay", least_cs: 0, most_cs: 100_000, is_whole: false };
    let delay_cs = u32::try_from(status.preempt_delay_us / 10_000).unwrap_or(u32::MAX);
    [
        Field::new("preempt", Kind::Preempt, preempt.into()),
        Field::new("preempt_delay", kind, decimal(delay_cs)),
        Field::new("advert_int", interval_kind(status.version == 2), decimal(status.advert_interval_cs.into())),
    ]
}

fn open(model: &mut Model, name: &str, title: &str, fields: Vec<Field>) {
    let Some(status) = status(model, name) else { return };
    let mut lines = vec!["Nothing changes before you have seen what would.".to_owned()];
    if status.effective_priority != status.priority {
        let now = locum_control::priority_sum(status);
        lines.push(format!("The priority that counts now is {}", clean(&now, TEXT_CHARS_MAX)));
    }
    let is_all = fields.len() > 1;
    let mut dialog = Dialog::question(title, lines, Vec::new()).with_fields(fields);
    let mut button = |name: &str, does: Does| dialog.buttons.push(Button { name: name.into(), does });
    button("Preview", Does::Preview(Subject::Edit(name.into())));
    if is_all {
        if !model.schema.instance.is_empty() {
            button("All options", Does::AllOptions(name.into()));
        }
        button("Remove the instance", Does::Preview(Subject::Remove(name.into())));
    }
    // Where something is to be typed, that comes first: it changes nothing.
    dialog.at = 0;
    dialog.words = Arc::new(model.schema.address.clone());
    steer::ask(model, dialog);
}
