//! salon: every conversation with your coding agents (past, running and waiting) in one terminal.
//!
//! This page describes the architecture. Layers import only downwards; `tests/it/architecture.rs` checks it.
//!
//! - [`stdx`]: extensions of the standard library.
//! - [`domain`]: shared plain data: agents, sessions, events, transcripts, the catalog, queries, runs.
//! - [`config`]: configuration files parsed into plain values: keys, themes, settings, paths.
//! - [`agent`]: everything specific to one agent, one folder each. [`agent::Format`] reads its files,
//!   [`agent::Protocol`] drives its process. Converts bytes to events and back; no processes, no sockets.
//! - [`git`]: runs `git` as a program: reads repositories, takes snapshots, creates and removes worktrees.
//! - [`store`]: `state.db`, the persistent state of salon itself: choices, runs, undelivered prompts.
//! - [`index`]: finds, watches and searches all sessions; agent-neutral. Reads open transcripts off the event loop.
//! - [`export`]: documents made from transcripts: Markdown, HTML, JSON and text, with secrets masked.
//! - [`live`]: runs of agents; agent-neutral. One task per run owns the child process, its pipes, timers and events.
//! - [`serve`]: runs in a background process, and the connection of windows and commands to it.
//! - [`remote`]: sessions of other machines and containers, over the protocol of [`serve`] through `ssh`, `docker exec` and
//!   the like.
//! - [`app`]: state and decisions: a message in, effects out. Each screen owns its state and updates. Pure and
//!   synchronous.
//! - [`ui`]: draws the state into terminal cells. Reads only.
//! - [`runtime`]: the event loop, the terminal, the effects.
//! - [`cli`]: the command line, one file per command.
//!
//! ```text
//! files on disk ─────▶ index ──IndexEvent─┐                         ┌─▶ ui::draw(&app) ─▶ frame
//! agent processes ◀──▶ live ───LiveEvent──┼─▶ Msg ─▶ app::update ───┤
//! keyboard, signals ─▶ runtime ───────────┘     (pure, synchronous) └─▶ Vec<Effect> ─▶ runtime ─▶ index / live / store / terminal
//! ```
//!
//! Data flows in one direction, through one queue, to one writer. A stored transcript and a run produce the same
//! [`Event`](domain::Event)s, which fold into the same [`Transcript`](domain::transcript::Transcript). The reader treats
//! both alike, and a turn that is also on disk appears once.
//!
//! # Invariants
//!
//! - `update` never awaits and does no IO; `draw` never blocks and changes no state.
//! - Agents' own files are opened for reading only. On request, a name is appended to a transcript in the agent's own
//!   form, files of a removed session are moved to the trash, and those that the agent deleted are put back.
//! - Files that a transcript names are read only as images that the terminal draws; those that are no image of a known
//!   format are ignored.
//! - An agent that reads or writes a file, or runs a command, through salon does so within the directory of its session.
//! - Texts of transcripts and agents are sanitised before they reach the terminal.
//! - A prompt is on disk before it is shown as accepted, and is sent to its agent once. If a crash of the agent or of
//!   salon makes its delivery uncertain, it is held: no prompt is sent again automatically.
//! - Only [`live`] runs agents, each in a process group that ends with salon. Processes left by a killed salon are ended
//!   by the next one. No other process receives a signal. On request, [`runtime`] starts an agent's own program or the
//!   editor in the foreground, the platform's opener for the address of a page or an image of a session, and a command of
//!   the user in a process group that ends with salon.
//! - Looking at a repository runs nothing that its configuration names. [`git`] writes to the user's repository only to
//!   create a worktree and to remove one that is salon's; snapshots are in a repository of salon's own. On request, files
//!   of a work tree are restored, and [`runtime`] runs a command that was shown first (stage, commit, pull, push, merge,
//!   rebase, pull request) in the foreground, with the user's own configuration.
//! - [`remote`] starts only `ssh` and programs such as `docker` that the configuration names, each in a process group that
//!   ends with salon. The other machine's shell gets a fixed script. On request, [`runtime`] starts `ssh` in the foreground,
//!   whose connection ends a minute after its last use, or the program that starts a container.
//! - Programs start with an argument list, never through a shell, and no argument contains a prompt. Only a command that
//!   the user types after `!` is passed to the user's shell, and a command line of an agent that salon runs for it to `sh`.
//! - The *working* state of a session is derived from a living process and an open turn, never from stored data alone.
//! - The reader of a stored transcript keeps the entries around the viewport in memory, a run a ring of its latest
//!   events; everything else stays on disk.
//!
//! # Deliberately absent
//!
//! - Global state (except the names of configured agents), callbacks into `app`, a plug-in system, locks shared between drawing and reading.
//! - A background service that is necessary: without [`serve`], runs end with salon.
//! - Writing to an agent's own files, except as stated above.
//! - Permissions that the user did not give: without a user, approvals are denied.
//! - Agents' own screens in a pane: agents are driven over their protocols.
//!
//! # Glossary
//!
//! | term | meaning |
//! |---|---|
//! | action | Named command of the interface, bound to keys by the key map and listed in the palette. |
//! | agent | Coding agent such as Claude Code; see [`Agent`](domain::Agent). |
//! | approval | Permission request or question with which an agent waits for the user. |
//! | archive | Copies of sessions that are kept although their agents delete old ones. |
//! | branch point | Entry before which branches of a conversation part. |
//! | catalog | All indexed sessions, as one table in memory. |
//! | codec | State machine between an agent's protocol messages and events; see [`agent::protocol`](mod@agent::protocol). |
//! | corpus | All sources that a search covers. |
//! | coverage | Part of the corpus that a search has covered so far. |
//! | delta | Piece of streamed text that is appended to an entry. |
//! | document | Transcript in a format for people or programs outside of salon. |
//! | effect | IO that `app` requests and `runtime` performs. |
//! | entry | One block of a transcript: prompt, answer, tool call, notice, plan. |
//! | event | Change of a conversation, from a stored record or a running agent; folds into an entry. |
//! | filter | Condition of a query on sessions or entries, written `name:value`. |
//! | flow | Outcome of a screen's update: what the stack of screens does next. |
//! | fork | New session that starts as a copy of another one. |
//! | held | State of a prompt that waits until the user releases it. |
//! | hit | Session that matches a query, with its score and snippets. |
//! | hunk | Changed part of a file, with the unchanged lines around it. |
//! | issue | File or record that could not be read, with the reason. |
//! | layer | Screen or overlay above the home screen. |
//! | lease | Exclusive right of one salon process to drive a run, recorded in `state.db`. |
//! | live status | State of a session that is open in some process, read from the agent's files. |
//! | match | Byte range of a text that a needle matches. |
//! | needle | Text or regular expression that a query searches for. |
//! | n-gram filter | Bit set per segment of a source, which proves that a literal cannot occur there. |
//! | obstacle | Reason against the removal of a worktree. |
//! | outbox | Prompts that are accepted but not confirmed as delivered. |
//! | outline | Prompts, errors, edits, plans, sub-agents and compactions of a transcript. |
//! | prefilter | Fast test on raw bytes that excludes records without a match. |
//! | purged session | Session that its agent has deleted, and of which only its prompts are left elsewhere. |
//! | query | Parsed search line: alternatives of needles and filters. |
//! | remark | Text of the user on changed lines, sent to the agent as a part of a prompt. |
//! | registry | Recorded runs, their leases and child processes. |
//! | remote source | Machine or container whose sessions are listed here; its name is their host. |
//! | ring | Bounded history of a run's latest events, with a cursor per viewer. |
//! | run | Conversation that salon drives, with or without a living process. |
//! | secret | Key, token or password in a text, found by its format and masked where texts are shown or leave salon. |
//! | segment | Unit of the stored text index, replaced as a whole. |
//! | service | Server that the user's own programs of an agent use in the background; salon uses it, and never stops it. |
//! | session | Conversation as its agent stores it; identified by agent and id. |
//! | snapshot | Files of a work tree as a commit in a repository of salon's own. |
//! | snippet | Excerpt of a session around a match. |
//! | source | File or database that contains the records of sessions. |
//! | state | Needs you, working, idle or past; see [`SessionState`](domain::SessionState). |
//! | summary | Metadata of a session, computed from its source for lists. |
//! | text index | Stored texts that are searched from memory: prompts, answers, titles, short tool inputs. |
//! | transcript | Entries of one session in order. |
//! | transport | Connection to an agent: pipes of a child process, or a local server. |
//! | turn | One prompt with everything that the agent does until it waits again. |
//! | viewport | Visible part of a transcript or list. |
//! | vocabulary | Words of the indexed texts with their numbers of occurrences, for spelling correction. |
//! | work tree | Files of a git repository that are checked out. A worktree is one with a branch of its own. |
//! | workspace | Root of the repository, or else the directory, in which sessions run. |

#![forbid(unsafe_code)]
#![warn(unreachable_pub)]

pub mod agent;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod export;
pub mod git;
pub mod index;
pub mod live;
pub mod remote;
pub mod runtime;
pub mod serve;
pub mod stdx;
pub mod store;
pub mod ui;
