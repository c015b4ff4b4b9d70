//! `salon serve`: keeps runs without a terminal. Windows and commands connect to it.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::serve_args::ServeArgs;
use super::{output, sessions, state};
use crate::config::paths::create_private_dir;
use crate::git::Git;
use crate::index::IndexOptions;
use crate::live::{Live, LiveEvent, approvals};
use crate::runtime::saved_backends::SavedBackends;
use crate::runtime::store_writer::{StoreWriter, WriterMessage};
use crate::runtime::turn_snapshots::{self, TurnSnapshots};
use crate::runtime::work::WorkContext;
use crate::runtime::{env, live_options, serve};
use crate::serve::shared::{self, Work};
use crate::serve::socket::{self, ServeSocket};
use crate::serve::{ConnectError, server};
use crate::stdx::process;
use crate::store::Store;

/// Maximum wait for a server that was asked to stop: the longest graceful stop of its agents, and some more.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// Maximum wait at the end until the list of backends is saved.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Maximum bytes per copied piece.
const COPY_BYTES: usize = 64 << 10;

/// Interval between two checks whether a server has ended.
const STOP_INTERVAL: Duration = Duration::from_millis(20);

/// Runs, starts or stops a server.
pub(super) fn run(context: &CliContext, args: &ServeArgs) -> Result<ExitCode, CliError> {
    if args.in_background {
        // An error means that this process leads a session already.
        rustix::process::setsid().ok();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        match args {
            ServeArgs { stop: true, .. } => stop(context).await,
            ServeArgs { detach: true, .. } => detach(context).await,
            ServeArgs { stdio: true, shared: true, .. } => serve_shared(context).await,
            ServeArgs { stdio: true, .. } => serve_stdio(context).await,
            _ => listen(context, args.in_background).await,
        }
    });
    runtime.shutdown_background();
    done.map(|()| ExitCode::SUCCESS)
}

async fn listen(context: &CliContext, in_background: bool) -> Result<(), CliError> {
    let runtime_dir = &context.paths.runtime;
    let failed = |error: &io::Error| {
        let code = if error.kind() == io::ErrorKind::AddrInUse { CliErrorCode::Busy } else { CliErrorCode::Failed };
        CliError::new(code, format!("{}: {error}", runtime_dir.display()))
    };
    let stop = any_of([SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit()])?;
    // A closed terminal must not end the runs; without a receiver the signal is ignored all the same.
    let _hangup = signal(SignalKind::hangup())?;
    create_private_dir(runtime_dir).map_err(|error| failed(&error))?;
    let store = state::open(context)?;
    let socket = ServeSocket::listen(runtime_dir).map_err(|error| failed(&error))?;
    if in_background {
        detach_stderr()?;
    }
    let writer = start_writer(&store);
    let (live, events) = start_live(context, &store, &writer);
    let (own, days) = (context.paths.repositories(), context.settings.snapshot_days);
    turn_snapshots::schedule_expiry(Git::new(env::vars()), own, store.clone(), days, context.clock);
    output::note(&format!("serving on {}", socket.path().display()))?;
    let unused = context.settings.serve.exit_minutes.map(|minutes| Duration::from_mins(minutes.into()));
    server::listen(live.clone(), events, &socket, unused, stop).await;
    // No client connects while the agents are stopped.
    drop(socket);
    live.shutdown().await;
    SavedBackends::remove(&writer);
    writer.finish(FLUSH_TIMEOUT);
    Ok(())
}

async fn serve_stdio(context: &CliContext) -> Result<(), CliError> {
    let store = state::open(context)?;
    let writer = start_writer(&store);
    // Before an agent starts: no signal ends this process without its agents.
    let stop = any_of(ENDING)?;
    let (live, events) = start_live(context, &store, &writer);
    let (stream, output) = stdio()?;
    server::serve_one(live.clone(), index_options(context), events, stream.into_split(), stop).await;
    live.shutdown().await;
    SavedBackends::remove(&writer);
    writer.finish(FLUSH_TIMEOUT);
    // An error means that the client no longer reads.
    output.join().ok();
    Ok(())
}

/// Serves another machine. The runs belong to the background process of this one.
async fn serve_shared(context: &CliContext) -> Result<(), CliError> {
    let connect = async |start: bool| {
        if start && let Err(error) = serve::connect_or_start(&context.paths, &context.config_file).await {
            tracing::warn!(%error, "the background process was not started");
        }
        UnixStream::connect(socket::path(&context.paths.runtime)).await.ok()
    };
    let requests = WorkContext {
        paths: context.paths.clone(),
        environment: context.environment.clone(),
        index: IndexOptions { with_usage: false, ..sessions::options(context) },
        settings: context.settings.clone(),
        clock: context.clock,
    };
    let work: Work = Arc::new(move |call, background| requests.execute(call, background));
    let stop = any_of(ENDING)?;
    let (stream, output) = stdio()?;
    tokio::select! {
        () = shared::serve_shared(index_options(context), stream.into_split(), (connect, work)) => {
            // An error means that the client no longer reads.
            output.join().ok();
        }
        () = stop => {}
    }
    Ok(())
}

/// Signals that end a server for one client: without the client or its terminal, nobody uses it.
const ENDING: [SignalKind; 4] =
    [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup(), SignalKind::quit()];

/// Waits for one of these signals. From the call on, their default actions are disabled.
fn any_of<const N: usize>(kinds: [SignalKind; N]) -> io::Result<impl Future<Output = ()>> {
    let mut signals = kinds.into_iter().map(signal).collect::<io::Result<Vec<_>>>()?;
    Ok(std::future::poll_fn(move |context| {
        let received = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if received { Poll::Ready(()) } else { Poll::Pending }
    }))
}

/// Closes the pipe to the process that started this one, which reads why a server does not start and may end before it.
fn detach_stderr() -> io::Result<()> {
    let nowhere = OpenOptions::new().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stderr(nowhere)?)
}

fn index_options(context: &CliContext) -> IndexOptions {
    let mut options = sessions::options(context);
    options.zone = Some(jiff::tz::TimeZone::system());
    options
}

/// Connects a stream to stdin and stdout, which block. Returns the thread that ends when everything is written.
fn stdio() -> io::Result<(UnixStream, JoinHandle<()>)> {
    let (near, far) = net::UnixStream::pair()?;
    near.set_nonblocking(true)?;
    let (mut from_client, mut to_client) = (far.try_clone()?, far);
    thread::Builder::new().name("serve-input".to_owned()).spawn(move || {
        // After an error the client is gone, as at the end of its input.
        copy(&mut io::stdin().lock(), &mut from_client).ok();
        from_client.shutdown(Shutdown::Write).ok();
    })?;
    let output = thread::Builder::new().name("serve-output".to_owned()).spawn(move || {
        copy(&mut to_client, &mut io::stdout().lock()).ok();
        // A client that no longer reads is gone, whether or not it closed its output.
        to_client.shutdown(Shutdown::Both).ok();
    })?;
    Ok((UnixStream::from_std(near)?, output))
}

/// Copies bytes as they come. `std::io::copy` lets the kernel copy, which holds bytes back that a client waits for.
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            count => to.write_all(&buffer[..count]).and_then(|()| to.flush())?,
        }
    }
}

/// Starts the writer of the list of backends, by which other processes see them.
fn start_writer(store: &Arc<Store>) -> StoreWriter {
    StoreWriter::start(store, |message| {
        if let WriterMessage::Failed(reason) = message {
            tracing::warn!("the list of backends is not saved: {reason}");
        }
    })
}

/// Starts the live layer, with its approvals open to other processes, and with snapshots of its turns.
fn start_live(
    context: &CliContext,
    store: &Arc<Store>,
    writer: &StoreWriter,
) -> (Live, mpsc::UnboundedReceiver<LiveEvent>) {
    let options = live_options::limited(store.clone(), &context.environment, &context.paths.cache, &context.settings);
    let (live, mut reported) = Live::start(options);
    let (changes, approval_changes) = mpsc::unbounded_channel();
    tokio::spawn(approvals::relay(live.clone(), store.clone(), approval_changes));
    let mut snapshots = TurnSnapshots::start(Git::new(env::vars()), context.paths.repositories(), store.clone());
    let (events, receiver) = mpsc::unbounded_channel();
    let (mut backends, own, saving) = (SavedBackends::default(), live.clone(), writer.clone());
    tokio::spawn(async move {
        while let Some(event) = reported.recv().await {
            if let LiveEvent::Run(info) = &event {
                snapshots.run_changed(info);
                backends.changed(info, &own, &saving);
                // An error means that the process is shutting down.
                changes.send(info.clone()).ok();
            }
            if events.send(event).is_err() {
                return;
            }
        }
    });
    (live, receiver)
}

async fn detach(context: &CliContext) -> Result<(), CliError> {
    create_private_dir(&context.paths.runtime)?;
    let connected = serve::connect_or_start(&context.paths, &context.config_file).await;
    let (client, _) = connected.map_err(|error| connect_error(&error))?;
    let mut out = output::stdout();
    writeln!(out, "{}", client.pid())?;
    Ok(out.flush()?)
}

async fn stop(context: &CliContext) -> Result<(), CliError> {
    let pid = match serve::connect(&context.paths).await {
        Ok((client, _)) => client.pid(),
        Err(ConnectError::Incompatible { pid, .. }) => pid,
        Err(error) => return Err(connect_error(&error)),
    };
    let started = process::identity(pid);
    let signalled = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok());
    let deadline = Instant::now() + STOP_TIMEOUT;
    while signalled && process::identity(pid) == started && started.is_some() {
        if Instant::now() > deadline {
            return Err(CliError::new(CliErrorCode::Failed, format!("salon serve (pid {pid}) does not end")));
        }
        tokio::time::sleep(STOP_INTERVAL).await;
    }
    output::note(&format!("stopped salon serve (pid {pid})"))?;
    Ok(())
}

/// Converts a failure to connect.
pub(super) fn connect_error(error: &ConnectError) -> CliError {
    let code = match error {
        ConnectError::NotRunning => CliErrorCode::NotFound,
        ConnectError::Incompatible { .. } => CliErrorCode::Busy,
        ConnectError::Failed(_) => CliErrorCode::Failed,
    };
    CliError::new(code, error.to_string())
}
