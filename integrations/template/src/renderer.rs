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

use crate::compile::Templates;
use crate::error::{TemplateError, in_python_words};
use crate::{budget, environment, json, literal};

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

struct Job {
    request: Request,
    reply: Box<dyn FnOnce(Rendered) + Send>,
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
        let job = Job {
            request,
            reply: Box::new(reply),
        };
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
        let rendered = catch_unwind(AssertUnwindSafe(|| engine.render(&job.request)));
        let rendered = rendered.unwrap_or_else(|_| {
            tracing::error!("a template made the renderer panic");
            Err(TemplateError::Failed)
        });
        (job.reply)(rendered);
    }
}

struct Engine {
    env: Environment<'static>,
    templates: Templates,
    settings: TemplateSettings,
}

impl Engine {
    fn render(&self, request: &Request) -> Rendered {
        let source = request.template.trim();
        let most = self.settings.source_limit;
        if source.len() > most && source.chars().count() > most {
            return Err(TemplateError::Limit(format!(
                "Template source exceeded maximum size of {most} characters"
            )));
        }
        let is_static = !["{{", "{%", "{#"].iter().any(|mark| source.contains(mark));
        if is_static {
            return Ok(self.answer(source, request.typed));
        }
        let text = self.run(source, &request.variables)?;
        Ok(self.answer(text.trim(), request.typed))
    }

    fn run(
        &self,
        source: &str,
        variables: &Map<String, serde_json::Value>,
    ) -> Result<String, TemplateError> {
        let allowed = Duration::from_millis(self.settings.time_limit_ms);
        budget::begin(source.into(), allowed);
        let variables = variables
            .iter()
            .map(|(name, value)| (name.as_str(), json::from_json(value)));
        let variables = Value::from_pairs(variables);
        let rendered = self
            .templates
            .get(source)
            .and_then(|compiled| compiled.run(&self.env, variables));
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
