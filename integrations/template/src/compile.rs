//! From the text of a template to what the engine runs.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use minijinja::machinery::{self, CodeGenerator, Instructions};
use minijinja::{AutoEscape, Environment, Error, Value};
use parking_lot::Mutex;
use self_cell::self_cell;

use crate::error::syntax;
use crate::rewrite::Undefined;
use crate::{nesting, rewrite};

/// How many compiled templates are kept.
const KEPT: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// Longer texts are compiled each time, so that the kept ones take little memory.
pub(crate) const KEPT_LENGTH: usize = 8 << 10;
/// What the engine calls every template.
const NAME: &str = "<template>";

struct Code<'source> {
    instructions: Instructions<'source>,
    blocks: BTreeMap<&'source str, Instructions<'source>>,
}

self_cell!(
    /// A template's text and the instructions that point into it.
    pub(crate) struct Compiled {
        owner: Box<str>,
        #[covariant]
        dependent: Code,
    }
);

impl Compiled {
    /// Compiles `source`. Needs the deep stack of a render thread.
    pub(crate) fn compile(source: &str, undefined: Undefined) -> Result<Self, Error> {
        nesting::check(source).map_err(|error| syntax(error, source))?;
        Self::try_new(source.into(), |source| {
            let parsed = machinery::parse(source, NAME, Default::default())
                .map_err(|error| syntax(error, source))?;
            let mut generator = CodeGenerator::new(NAME, source);
            generator.compile_stmt(&rewrite::template(&parsed, undefined));
            let (instructions, blocks) = generator.finish();
            Ok(Code {
                instructions,
                blocks,
            })
        })
    }

    /// Runs the template in `env` with these variables.
    pub(crate) fn run(
        &self,
        env: &Environment<'static>,
        variables: Value,
    ) -> Result<String, Error> {
        let code = self.borrow_dependent();
        let mut text = String::new();
        machinery::eval(
            env,
            &code.instructions,
            variables,
            &code.blocks,
            &mut machinery::make_string_output(&mut text),
            AutoEscape::None,
        )?;
        Ok(text)
    }
}

/// Compiled templates by their text, the ones used last.
pub(crate) struct Templates(Mutex<LruCache<Box<str>, Arc<Compiled>>>);

impl Templates {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }

    /// The compiled form of `source`, compiled now where it is not kept.
    pub(crate) fn get(&self, source: &str) -> Result<Arc<Compiled>, Error> {
        if let Some(kept) = self.0.lock().get(source) {
            return Ok(Arc::clone(kept));
        }
        let compiled = Arc::new(Compiled::compile(source, Undefined::Empty)?);
        if source.len() <= KEPT_LENGTH {
            self.0.lock().put(source.into(), Arc::clone(&compiled));
        }
        Ok(compiled)
    }
}
