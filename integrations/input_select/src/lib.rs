//! Input selects: choices that people make from lists of their own.
//!
//! This crate says what is special about them; that they are kept, listed, changed and restored is
//! [`hearth_core::collection`]'s business. It knows nothing of whoever reads them.
//!
//! Start reading at `InputSelect`.

use std::borrow::Cow;
use std::collections::HashSet;

use hearth_core::collection::{self, Helper, Misconfigured, Moment, Outcome};
use hearth_core::prelude::*;
use hearth_core::service::{EntityService, InvalidData};
use hearth_core::state::STATE_MAX;
use hearth_core::store::StoredState;
use serde::{Deserialize, Serialize};

/// Makes the input_select integration.
pub fn factory() -> Factory {
    collection::factory::<InputSelect>()
}

/// Checks the section `input_select` of a configuration file.
pub fn check(section: &Value) -> Result<(), Misconfigured> {
    collection::check::<InputSelect>(section)
}

/// What people set of one.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Options {
    options: Vec<String>,
    /// What it shows after every start, whatever it showed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    initial: Option<String>,
}

/// The list and what is chosen from it.
struct InputSelect {
    /// As configured, or as `set_options` left it until the next start.
    options: Vec<String>,
    /// In the list, always.
    current: String,
}

/// Most options of one list.
const OPTIONS_MAX: usize = 1000;

impl Helper for InputSelect {
    const DOMAIN: &'static str = "input_select";
    const NAME: &'static str = "Input select";
    type Options = Options;

    fn fields() -> Vec<Field> {
        vec![
            Field::required("options", Kind::Texts, "What may be chosen."),
            Field::optional("initial", Kind::Text, "What is chosen after every start."),
        ]
    }

    fn check(options: Options) -> Result<Options, InvalidData> {
        check_options(&options.options)
            .map_err(|problem| InvalidData::value("options", problem))?;
        match &options.initial {
            Some(initial) if !options.options.contains(initial) => {
                Err(InvalidData::Whole(format!(
                    "initial state {initial} is not part of the options: {}",
                    options.options.join(",")
                )))
            }
            _ => Ok(options),
        }
    }

    fn services() -> Vec<EntityService> {
        let cycle = || {
            let description = "Whether the first follows the last.";
            vec![Field::optional("cycle", Kind::Bool, description)]
        };
        let option = Field::required("option", Kind::Text, "The option.");
        let options = Field::required("options", Kind::Texts, "What may be chosen from now on.");
        vec![
            EntityService::new("select_option", "Selects an option.", vec![option]),
            EntityService::new("select_next", "Selects the next option.", cycle()),
            EntityService::new("select_previous", "Selects the option before.", cycle()),
            EntityService::new("select_first", "Selects the first option.", Vec::new()),
            EntityService::new("select_last", "Selects the last option.", Vec::new()),
            EntityService::new(
                "set_options",
                "Sets the options until the next start.",
                vec![options],
            ),
        ]
    }

    fn open(options: &Options, before: Option<&StoredState>, _: &Moment<'_>) -> (Self, Outcome) {
        let before = before
            .map(|before| before.state.clone())
            .filter(|state| options.options.contains(state));
        let first = || options.options.first().cloned();
        let current = options.initial.clone().or(before).or_else(first);
        let select = Self {
            options: options.options.clone(),
            current: current.unwrap_or_default(),
        };
        (select, Outcome::default())
    }

    fn change(&mut self, options: &Options, _: &Moment<'_>) {
        self.set_options(options.options.clone());
    }

    fn state(&self) -> Cow<'_, str> {
        self.current.as_str().into()
    }

    fn attributes(&self, _: &Options, a: &mut AttributesBuilder) {
        a.value("options", self.options.as_slice());
    }

    fn call(
        &mut self,
        _: &Options,
        call: &ServiceCall,
        moment: &Moment<'_>,
    ) -> Result<Outcome, ServiceError> {
        let cycle = call.data.get("cycle") != Some(&Value::Bool(false));
        match &*call.service {
            "select_option" => {
                let option = call.data.get("option").and_then(Value::as_str);
                self.select(option.unwrap_or_default())?;
            }
            "select_next" => self.step(true, cycle),
            "select_previous" => self.step(false, cycle),
            "select_first" => self.select_at(0),
            "select_last" => self.select_at(self.options.len().saturating_sub(1)),
            _ => {
                let given = call.data.get("options").and_then(Value::as_array);
                let texts = given.into_iter().flatten().filter_map(Value::as_str);
                let options: Vec<String> = texts.map(str::to_owned).collect();
                check_options(&options).map_err(ServiceError::Failed)?;
                let before = self.current.clone();
                self.set_options(options);
                if before != self.current {
                    tracing::warn!(entity = %moment.entity_id, "what was chosen is no option any longer");
                }
            }
        }
        Ok(Outcome::default())
    }
}

impl InputSelect {
    fn select(&mut self, option: &str) -> Result<(), ServiceError> {
        if !self.options.iter().any(|known| known == option) {
            return Err(ServiceError::Failed(format!(
                "Invalid option: {option} (possible options: {})",
                self.options.join(", ")
            )));
        }
        option.clone_into(&mut self.current);
        Ok(())
    }

    fn select_at(&mut self, index: usize) {
        if let Some(option) = self.options.get(index) {
            self.current.clone_from(option);
        }
    }

    fn step(&mut self, forwards: bool, cycle: bool) {
        let at = self.options.iter().position(|o| *o == self.current);
        let (at, last) = (at.unwrap_or(0), self.options.len().saturating_sub(1));
        self.select_at(match (forwards, cycle) {
            (true, true) if at == last => 0,
            (true, _) => (at + 1).min(last),
            (false, true) if at == 0 => last,
            (false, _) => at.saturating_sub(1),
        });
    }

    fn set_options(&mut self, options: Vec<String>) {
        self.options = options;
        if !self.options.contains(&self.current) {
            self.select_at(0);
        }
    }
}

/// Options are one or more, each once, each as long as a state at most.
fn check_options(options: &[String]) -> Result<(), String> {
    if options.is_empty() {
        return Err("length of value must be at least 1".to_owned());
    }
    if options.len() > OPTIONS_MAX {
        return Err(format!("length of value must be at most {OPTIONS_MAX}"));
    }
    if let Some(long) = options.iter().find(|o| o.chars().count() > STATE_MAX) {
        let begin: String = long.chars().take(20).collect();
        return Err(format!(
            "option {begin}… has more than {STATE_MAX} characters"
        ));
    }
    let unique: HashSet<_> = options.iter().collect();
    if unique.len() != options.len() {
        return Err("Duplicate options are not allowed".to_owned());
    }
    Ok(())
}
