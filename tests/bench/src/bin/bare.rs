//! The reference: the least that an actix server has to do for the same traffic.
//!
//! - `POST /plain/…` parses the JSON of a plain `update_location` and answers `{}`;
//! - `POST /sealed/…` opens a sealed request, parses it, and seals an answer as long as a hub's;
//! - `GET /ws` opens a WebSocket; `POST /broadcast` sends its body to every open one as text, and
//!   a text that a socket sends is answered with the same bytes each time.
//!
//! It keeps no state, checks no webhook id and matches its paths by prefix only. It has the hub's
//! allocator, so that a difference is not the allocator's.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use actix::{Actor, ActorContext as _, Addr, AsyncContext as _, Handler, Message, StreamHandler};
use actix_web::http::header::ContentType;
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_web_actors::ws;
use bytestring::ByteString;
use clap::Parser;
use hearth_bench::envelope::{PlainLocation, open_and_parse, plain_length, seal_answer};
use hearth_simulate::sealing::Key;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SENSORS: &str = r#"{"battery_level":{"success":true},"is_active":{"success":true}}"#;

/// A bare actix server, the reference of Hearth's benchmarks.
#[derive(Debug, Parser)]
struct Options {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// HTTP workers; 0 is one a core.
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// The key of all sealed traffic, 64 hex characters.
    #[arg(long)]
    secret: Option<String>,
    /// Length of the answer to a sealed `get_zones`, in bytes.
    #[arg(long, default_value_t = 700)]
    zones_answer: usize,
    /// Length of the answer to a sealed `update_sensor_states`, in bytes.
    #[arg(long, default_value_t = 178)]
    sensors_answer: usize,
    /// Length of the answer to a text on a socket, in bytes.
    #[arg(long, default_value_t = 700_000)]
    states_answer: usize,
}

/// What sealed traffic needs.
struct Sealing {
    key: Key,
    zones: Vec<u8>,
    sensors: Vec<u8>,
}

/// The open sockets.
struct Sockets {
    open: Mutex<Vec<Addr<Socket>>>,
    /// What each text is answered with.
    answer: ByteString,
}

#[actix_web::main]
async fn main() -> io::Result<()> {
    let options = Options::parse();
    let secret = options.secret.unwrap_or_else(|| "0".repeat(64));
    let key = Key::from_hex(&secret)
        .map_err(io::Error::other)?
        .ok_or_else(|| io::Error::other("--secret must be 64 hex characters"))?;
    let sealing = Data::new(Sealing {
        key,
        zones: padded("[]", plain_length(options.zones_answer)),
        sensors: padded(SENSORS, plain_length(options.sensors_answer)),
    });
    let sockets = Data::new(Sockets {
        open: Mutex::default(),
        answer: "x".repeat(options.states_answer).into(),
    });

    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(sealing.clone())
            .app_data(sockets.clone())
            .service(web::scope("/plain").default_service(web::post().to(plain)))
            .service(web::scope("/sealed").default_service(web::post().to(sealed)))
            .route("/ws", web::get().to(socket))
            .route("/broadcast", web::post().to(broadcast))
    })
    .shutdown_timeout(1);
    if options.workers > 0 {
        server = server.workers(options.workers);
    }
    let server = server.bind(options.listen)?;
    for address in server.addrs() {
        writeln!(io::stdout(), "ready http://{address}")?;
    }
    server.run().await
}

async fn plain(body: Bytes) -> HttpResponse {
    match serde_json::from_slice::<PlainLocation<'_>>(&body) {
        Ok(envelope) if envelope.command == "update_location" => HttpResponse::Ok()
            .insert_header(ContentType::json())
            .body("{}"),
        _ => HttpResponse::BadRequest().finish(),
    }
}

async fn sealed(body: Bytes, sealing: Data<Sealing>) -> HttpResponse {
    let answer = match open_and_parse(&body, &sealing.key).as_deref() {
        Some("get_zones") => &sealing.zones,
        Some("update_sensor_states") => &sealing.sensors,
        _ => return HttpResponse::BadRequest().finish(),
    };
    HttpResponse::Ok()
        .insert_header(ContentType::json())
        .body(seal_answer(answer, &sealing.key))
}

/// JSON followed by spaces, `length` bytes in all.
fn padded(json: &str, length: usize) -> Vec<u8> {
    let mut text = json.as_bytes().to_vec();
    text.resize(length.max(json.len()), b' ');
    text
}

async fn socket(
    request: HttpRequest,
    stream: Payload,
    sockets: Data<Sockets>,
) -> actix_web::Result<HttpResponse> {
    ws::start(Socket { sockets }, &request, stream)
}

async fn broadcast(body: Bytes, sockets: Data<Sockets>) -> HttpResponse {
    let Ok(text) = ByteString::try_from(body) else {
        return HttpResponse::BadRequest().finish();
    };
    for socket in sockets.lock().iter() {
        socket.do_send(Text(text.clone()));
    }
    HttpResponse::Ok().finish()
}

impl Sockets {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Addr<Socket>>> {
        // The list is whole between two calls, whatever thread panicked.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One WebSocket.
struct Socket {
    sockets: Data<Sockets>,
}

/// Bytes for a socket, shared by all of them.
#[derive(Message)]
#[rtype(result = "()")]
struct Text(ByteString);

impl Actor for Socket {
    type Context = ws::WebsocketContext<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.sockets.lock().push(context.address());
    }

    fn stopped(&mut self, context: &mut Self::Context) {
        let own = context.address();
        self.sockets.lock().retain(|address| *address != own);
    }
}

impl Handler<Text> for Socket {
    type Result = ();

    fn handle(&mut self, text: Text, context: &mut Self::Context) {
        context.text(text.0);
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Socket {
    fn handle(
        &mut self,
        message: Result<ws::Message, ws::ProtocolError>,
        context: &mut Self::Context,
    ) {
        match message {
            Ok(ws::Message::Ping(bytes)) => context.pong(&bytes),
            Ok(ws::Message::Text(_)) => context.text(self.sockets.answer.clone()),
            Ok(ws::Message::Close(_)) | Err(_) => context.stop(),
            Ok(_) => {}
        }
    }
}
