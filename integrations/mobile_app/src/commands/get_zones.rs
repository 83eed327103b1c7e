use super::{Command, is_json};
use crate::answer::Answer;
use crate::phone::Phone;
use crate::registration::Done;

/// All zones as full states, by entity id.
pub(super) struct GetZones;

impl<'a> Command<'a> for GetZones {
    fn parse(data: &'a str) -> Option<Self> {
        is_json(data).then_some(Self)
    }

    fn apply(self, phone: &mut Phone) -> Done {
        let mut zones = phone.hub.states.of_domain("zone");
        zones.sort_unstable_by(|a, b| a.entity_id.cmp(&b.entity_id));
        let mut out = String::with_capacity(2 + zones.len() * 512);
        out.push('[');
        for (n, zone) in zones.iter().enumerate() {
            if n > 0 {
                out.push(',');
            }
            zone.write_json(&mut out);
        }
        out.push(']');
        Done::Now(Answer::sealed(200, out))
    }
}
