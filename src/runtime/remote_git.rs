//! Commands of git on other machines: each runs there in this terminal, after its line was shown. Worktrees there, and
//! conversations that are taken back there.

use std::path::Path;
use std::sync::Arc;

use super::command_sequence::CommandSequence;
use super::effects::Step;
use super::remote_work::unexpected;
use super::shell::Shell;
use super::task_message::TaskMessage;
use super::terminal_owner::Purpose;
use crate::app::msg::RevertedConversation;
use crate::app::{Effect, Msg};
use crate::domain::git_menu::{CommandPlan, DRAFT, GitMenu};
use crate::domain::worktree::WorktreeReady;
use crate::remote::command;
use crate::serve::message::{Call, Reply};
use crate::serve::work_message::{WorkCall, WorkReply};
use crate::stdx::text::one_line;

impl Shell {
    /// Executes an effect on the repositories of other machines, or on conversations with their files. Returns the effect if
    /// it is none.
    #[expect(clippy::result_large_err, reason = "the effect is passed on")]
    pub(super) fn git_there(&mut self, effect: Effect) -> Result<Step, Effect> {
        match effect {
            Effect::LoadGitMenu { key, file } if key.host.is_some() => {
                let call = WorkCall::GitMenu { key: key.clone(), file };
                self.request_work(&key.clone(), call, move |host, reply| {
                    let menu = reply.and_then(|reply| match reply {
                        WorkReply::GitMenu(menu) => Ok(menu_on(menu, host)),
                        _ => Err(unexpected(host)),
                    });
                    Msg::GitMenu(key, menu)
                });
            }
            Effect::CreateWorktree { ticket, host: Some(host), dir, name } => {
                self.request_work_of(host, WorkCall::CreateWorktree { dir, name }, move |host, reply| {
                    let created = reply.and_then(|reply| match reply {
                        WorkReply::Worktree(ready) => {
                            let name = format!("{host}:{}", ready.name);
                            Ok(WorktreeReady { name, ..ready })
                        }
                        _ => Err(unexpected(host)),
                    });
                    Msg::WorktreeCreated(ticket, created.map_err(|reason| format!("{host}: {reason}")))
                });
            }
            Effect::RevertConversation { key, revert, prompt } if key.host.is_some() => {
                let call = WorkCall::RevertConversation { key: key.clone(), revert: revert.clone() };
                self.request_work(&key.clone(), call, move |host, reply| {
                    let result = reply.and_then(|reply| match reply {
                        WorkReply::Rewound(rewound) => Ok(rewound),
                        _ => Err(unexpected(host)),
                    });
                    Msg::ConversationReverted(Box::new(RevertedConversation { key, revert, prompt, result }))
                });
            }
            effect => return Err(effect),
        }
        Ok(Step::Continue(()))
    }

    /// Runs commands that the user chose on another machine. A drafted message is written to a file there first, because
    /// an argument would show it to every user of the machine.
    pub(super) fn run_commands_there(&mut self, mut plan: CommandPlan) -> Step {
        let Some(host) = plan.host.clone() else { return Step::Continue(()) };
        let Some(text) = plan.draft.take() else { return self.run_in_terminal_there(plan, None) };
        let reply = self.runner.remotes.call(&host, Call::Work(WorkCall::WriteDraft { text }));
        let messages = self.runner.messages.clone();
        tokio::spawn(async move {
            let message = match reply.await {
                Ok(Reply::Work(reply)) => match *reply {
                    WorkReply::Draft(file) => TaskMessage::RunCommandsThere(Box::new(plan), file),
                    _ => failed(unexpected(&host)),
                },
                Ok(_) => failed(unexpected(&host)),
                Err(refusal) => failed(format!("{host}: {refusal}")),
            };
            // An error means that salon is shutting down.
            messages.send(message).ok();
        });
        Step::Continue(())
    }

    /// Runs commands of a plan in this terminal on another machine. `draft` is the file with the message, which is removed
    /// afterwards.
    pub(super) fn run_in_terminal_there(&mut self, plan: CommandPlan, draft: Option<&Path>) -> Step {
        let source = plan.host.as_deref().and_then(|host| self.runner.remotes.source(host));
        let Some(source) = source else {
            return self.notice("The machine of the session is not configured any more", true);
        };
        let script = script(&plan, draft);
        let Some(argv) = script.and_then(|script| command::interactive_script(source, &script)) else {
            return self.notice("This source has its own command, which only lists and reads", true);
        };
        let line = format!("{} $ {}\r\n", source.name, one_line(&plan.line()));
        let mut program = std::process::Command::new(&argv[0]);
        program.args(&argv[1..]);
        // The script runs all of them, so that there is one login.
        let rest = Vec::new().into_iter();
        let sequence = CommandSequence { dir: plan.dir, rest, draft: None, done: plan.done };
        self.run_in_foreground((&mut program, Some(&line)), &argv[0], Purpose::Commands(sequence))
    }
}

fn failed(text: String) -> TaskMessage {
    TaskMessage::Msg(Box::new(Msg::Notice { text, error: true }))
}

/// Script that runs the commands of a plan; `None` if a word cannot be quoted.
fn script(plan: &CommandPlan, draft: Option<&Path>) -> Option<String> {
    let draft = draft.map(|file| file.to_str()).map_or(Some(None), |file| file.map(Some))?;
    let with_draft = |word: &String| draft.map_or_else(|| word.clone(), |file| word.replace(DRAFT, file));
    let mut commands = vec![shlex::try_join(["cd", "--", plan.dir.to_str()?]).ok()?];
    for words in &plan.commands {
        let words: Vec<_> = words.iter().map(with_draft).collect();
        commands.push(shlex::try_join(words.iter().map(String::as_str)).ok()?);
    }
    let run = commands.join(" && ");
    let Some(file) = draft else { return Some(run) };
    let remove = shlex::try_join(["rm", "-f", "--", file]).ok()?;
    Some(format!("{run}; code=$?; {remove}; exit $code"))
}

/// Returns the commands of another machine's work tree.
fn menu_on(menu: GitMenu, host: &Arc<str>) -> GitMenu {
    let GitMenu { state, notes, plans } = menu;
    let plans = plans.into_iter().filter_map(|plan| plan.on(host)).collect();
    GitMenu { state: format!("{host}: {state}"), notes, plans }
}
