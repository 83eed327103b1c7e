//! Renders templates on threads of its own.
//!
//! A render is native work that takes up to its time limit and needs a deep stack, so it never
//! runs on an arbiter. A few threads with a known stack take requests from one bounded queue;
//! a full queue refuses with [`TemplateError::Busy`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use hearth_core::hub::Hub;
use hearth_core::settings::TemplateSettings;
use minijinja::{Environment, Value};
use parking_lot::Mutex;
use serde_json::Map;
use tokio::sync::oneshot;

use crate::compile::{Compiled, KEPT_LENGTH, Templates};
use crate::error::{TemplateError, in_python_words};
use crate::rewrite::Undefined;
use crate::tracking::Reads;
use crate::{budget, environment, json, literal, tracking};

/// Render threads.
const THREADS: usize = 2;
/// Requests that may wait for a thread.
const QUEUE: usize = 256;
/// Stack of a render thread in bytes. Memory is used only as deep as a render gets.
const STACK: usize = 32 << 20;

/// One template to render.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The template's text.
    pub template: String,
    /// What the template finds under these names.
    pub variables: Map<String, serde_json::Value>,
    /// Whether the text is read as a Python literal where it is one; else the answer is text.
    pub typed: bool,
}

/// What a render gives: the value, or why there is none.
pub type Rendered = Result<serde_json::Value, TemplateError>;

enum Job {
    Once {
        request: Request,
        reply: Box<dyn FnOnce(Rendered) + Send>,
    },
    Watched {
        request: Watched,
        reply: Box<dyn FnOnce(Seen) + Send>,
    },
}

/// A template to render again and again.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) template: Arc<str>,
    pub(crate) variables: Arc<Map<String, serde_json::Value>>,
    pub(crate) undefined: Undefined,
    /// How long this render may take; the hub's own limit holds too.
    pub(crate) timeout: Option<Duration>,
    /// As it was compiled before.
    pub(crate) compiled: Option<Arc<Compiled>>,
}

/// What a watched render gives, and what it has read on the way.
pub(crate) struct Seen {
    pub(crate) rendered: Rendered,
    pub(crate) reads: Reads,
    pub(crate) compiled: Option<Arc<Compiled>>,
}

/// Renders templates over a hub's states; see the module's guide. Cheap to clone. The threads
/// end when the last clone is dropped.
#[derive(Clone)]
pub struct Renderer {
    queue: SyncSender<Job>,
}

impl Renderer {
    /// Starts the threads. Fails where the system gives none.
    pub fn start(hub: &Hub) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        let engine = Arc::new(Engine {
            env: environment::build(hub),
            templates: Templates::new(),
            settings: hub.settings.template.clone(),
        });
        for number in 1..=THREADS {
            let (jobs, engine) = (Arc::clone(&jobs), Arc::clone(&engine));
            std::thread::Builder::new()
                .name(format!("template-{number}"))
                .stack_size(STACK)
                .spawn(move || work(&jobs, &engine))?;
        }
        Ok(Self { queue })
    }

    /// Renders, and calls `reply` from a render thread. A full queue gives `reply` back.
    ///
    /// # Errors
    /// [`TemplateError::Busy`], without a call of `reply`.
    pub fn submit(
        &self,
        request: Request,
        reply: impl FnOnce(Rendered) + Send + 'static,
    ) -> Result<(), TemplateError> {
        let reply = Box::new(reply);
        self.put(Job::Once { request, reply })
    }

    /// The same for a template that is watched.
    pub(crate) fn submit_watched(
        &self,
        request: Watched,
        reply: impl FnOnce(Seen) + Send + 'static,
    ) -> Result<(), TemplateError> {
        let reply = Box::new(reply);
        self.put(Job::Watched { request, reply })
    }

    fn put(&self, job: Job) -> Result<(), TemplateError> {
        self.queue.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => TemplateError::Busy,
            TrySendError::Disconnected(_) => TemplateError::Failed,
        })
    }

    /// Renders and waits for the answer.
    ///
    /// # Errors
    /// What the template raised, a limit that it met, or [`TemplateError::Busy`].
    pub async fn render(&self, request: Request) -> Rendered {
        let (sender, receiver) = oneshot::channel();
        self.submit(request, move |rendered| {
            // A caller that has gone wants no answer.
            let _ = sender.send(rendered);
        })?;
        receiver.await.unwrap_or(Err(TemplateError::Failed))
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, engine: &Engine) {
    loop {
        // The lock is held while waiting: the next thread waits for it instead of the queue.
        let Ok(job) = jobs.lock().recv() else {
            return;
        };
        match job {
            Job::Once { request, reply } => {
                let rendered = guarded(|| engine.render(&request));
                reply(rendered.unwrap_or(Err(TemplateError::Failed)));
            }
            Job::Watched { request, reply } => {
                tracking::begin();
                let seen = guarded(|| engine.render_watched(&request));
                let (rendered, compiled) = seen.unwrap_or((Err(TemplateError::Failed), None));
                let reads = tracking::end();
                reply(Seen {
                    rendered,
                    reads,
                    compiled,
                });
            }
        }
    }
}

fn guarded<T>(render: impl FnOnce() -> T) -> Option<T> {
    let rendered = catch_unwind(AssertUnwindSafe(render)).ok();
    if rendered.is_none() {
        tracing::error!("a template made the renderer panic");
    }
    rendered
}

struct Engine {
    env: Environment<'static>,
    templates: Templates,
    settings: TemplateSettings,
}

impl Engine {
    fn render(&self, request: &Request) -> Rendered {
        let source = self.admitted(&request.template)?;
        if is_static(source) {
            return Ok(self.answer(source, request.typed));
        }
        self.begin(source, None);
        let compiled = self.templates.get(source);
        let compiled = compiled.map_err(|error| in_python_words(&error))?;
        let text = self.run(&compiled, &request.variables)?;
        Ok(self.answer(text.trim(), request.typed))
    }

    /// A static text stays text here (spec template §1).
    fn render_watched(&self, request: &Watched) -> (Rendered, Option<Arc<Compiled>>) {
        let source = match self.admitted(&request.template) {
            Ok(source) if is_static(source) => return (Ok(source.into()), None),
            Ok(source) => source,
            Err(error) => return (Err(error), None),
        };
        self.begin(source, request.timeout);
        let compiled = match &request.compiled {
            Some(compiled) => Arc::clone(compiled),
            None => match Compiled::compile(source, request.undefined) {
                Ok(compiled) => Arc::new(compiled),
                Err(error) => return (Err(in_python_words(&error)), None),
            },
        };
        let text = self.run(&compiled, &request.variables);
        let rendered = text.map(|text| self.answer(text.trim(), true));
        (rendered, (source.len() <= KEPT_LENGTH).then_some(compiled))
    }

    /// The text to compile, where it is not too long.
    fn admitted<'a>(&self, template: &'a str) -> Result<&'a str, TemplateError> {
        let source = template.trim();
        let most = self.settings.source_limit;
        if source.len() > most && source.chars().count() > most {
            return Err(TemplateError::Limit(format!(
                "Template source exceeded maximum size of {most} characters"
            )));
        }
        Ok(source)
    }

    fn begin(&self, source: &str, timeout: Option<Duration>) {
        let most = Duration::from_millis(self.settings.time_limit_ms);
        let allowed = timeout.map_or(most, |timeout| timeout.min(most));
        budget::begin(source.into(), allowed);
    }

    fn run(
        &self,
        compiled: &Compiled,
        variables: &Map<String, serde_json::Value>,
    ) -> Result<String, TemplateError> {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.as_str(), json::from_json(value)));
        let rendered = compiled.run(&self.env, Value::from_pairs(variables));
        let text = rendered.map_err(|error| in_python_words(&error))?;
        let most = self.settings.output_limit;
        if text.len() > most && text.chars().count() > most {
            return Err(TemplateError::Limit(format!(
                "Template output exceeded maximum size of {most} characters"
            )));
        }
        Ok(text)
    }

    fn answer(&self, text: &str, typed: bool) -> serde_json::Value {
        if typed {
            literal::parse(text)
        } else {
            text.into()
        }
    }
}

/// Whether there is nothing to evaluate in it.
fn is_static(source: &str) -> bool {
    !["{{", "{%", "{#"].iter().any(|mark| source.contains(mark))
}
