//! Effects on the files of sessions of other machines: each machine executes them itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::effects::Step;
use super::shell::Shell;
use super::task_message::TaskMessage;
use crate::app::{Effect, Msg};
use crate::domain::SessionKey;
use crate::domain::changes::Changes;
use crate::domain::remark::PlacedRemark;
use crate::domain::trash_result::TrashResult;
use crate::serve::message::{Call, Reply};
use crate::serve::work_message::{WorkCall, WorkReply};

impl Shell {
    /// Executes an effect on the files of sessions of other machines. Returns the effect if it is none.
    #[expect(clippy::result_large_err, reason = "the effect is passed on")]
    pub(super) fn work_there(&mut self, effect: Effect) -> Result<Step, Effect> {
        match effect {
            Effect::LoadChanges { ticket, key, scope, branch } if key.host.is_some() => {
                self.request_work(&key.clone(), WorkCall::Changes { key, scope, branch }, move |host, reply| {
                    let changes = reply.and_then(|reply| match reply {
                        WorkReply::Changes(changes) => Ok(Arc::new(changes_on(changes, host))),
                        _ => Err(unexpected(host)),
                    });
                    Msg::ChangesLoaded(ticket, changes)
                });
            }
            Effect::RestoreFiles { ticket, key, restoration } if key.host.is_some() => {
                self.request_work(&key.clone(), WorkCall::Restore { key, restoration }, move |host, reply| {
                    let restored = reply.and_then(|reply| match reply {
                        WorkReply::Restored(snapshot) => Ok(snapshot),
                        _ => Err(unexpected(host)),
                    });
                    Msg::FilesRestored(ticket, restored)
                });
            }
            Effect::PlanRewind { key, entry, branch } if key.host.is_some() => {
                let call = WorkCall::PlanRewind { key: key.clone(), entry, branch };
                self.request_work(&key.clone(), call, move |host, reply| {
                    let plan = reply.and_then(|reply| match reply {
                        WorkReply::Plan(plan) => Ok(plan),
                        _ => Err(unexpected(host)),
                    });
                    Msg::RewindPlanned(key, plan)
                });
            }
            Effect::RewindFiles { key, target } if key.host.is_some() => {
                let call = WorkCall::Rewind { key: key.clone(), target: target.clone() };
                self.request_work(&key.clone(), call, move |host, reply| {
                    let result = reply.and_then(|reply| match reply {
                        WorkReply::Rewound(rewound) => Ok(rewound),
                        _ => Err(unexpected(host)),
                    });
                    Msg::Rewound { key, target, result }
                });
            }
            Effect::EditRemarks { key, edit } if key.host.is_some() => {
                let call = WorkCall::Remarks { key: key.clone(), edit };
                self.request_work(&key.clone(), call, move |host, reply| {
                    let remarks = reply.and_then(|reply| match reply {
                        WorkReply::Remarks(remarks) => Ok(remarks_on(remarks, host)),
                        _ => Err(unexpected(host)),
                    });
                    Msg::Remarks(key, remarks)
                });
            }
            Effect::Trash { keys, cancel_queued } if keys.iter().any(|key| key.host.is_some()) => {
                let (own, there) = by_host(keys);
                for keys in there {
                    let call = WorkCall::Trash { keys: keys.clone(), cancel_queued };
                    self.request_work(&keys[0], call, |host, reply| trash_message(host, reply, Msg::Trashed));
                }
                return if own.is_empty() {
                    Ok(Step::Continue(()))
                } else {
                    Err(Effect::Trash { keys: own, cancel_queued })
                };
            }
            Effect::Restore(keys) if keys.iter().any(|key| key.host.is_some()) => {
                let (own, there) = by_host(keys);
                for keys in there {
                    let call = WorkCall::Untrash { keys: keys.clone() };
                    self.request_work(&keys[0], call, |host, reply| trash_message(host, reply, Msg::Restored));
                }
                return if own.is_empty() { Ok(Step::Continue(())) } else { Err(Effect::Restore(own)) };
            }
            effect => return self.git_there(effect),
        }
        Ok(Step::Continue(()))
    }

    /// Sends a request to the machine of a session. Its result becomes a message.
    pub(super) fn request_work(
        &self,
        key: &SessionKey,
        call: WorkCall,
        into: impl FnOnce(&Arc<str>, Result<WorkReply, String>) -> Msg + Send + 'static,
    ) {
        if let Some(host) = key.host.clone() {
            self.request_work_of(host, call, into);
        }
    }

    /// Sends a request to a machine. Its result becomes a message.
    pub(super) fn request_work_of(
        &self,
        host: Arc<str>,
        call: WorkCall,
        into: impl FnOnce(&Arc<str>, Result<WorkReply, String>) -> Msg + Send + 'static,
    ) {
        let reply = self.runner.remotes.call(&host, Call::Work(call));
        let messages = self.runner.messages.clone();
        tokio::spawn(async move {
            let result = match reply.await {
                Ok(Reply::Work(reply)) => Ok(*reply),
                Ok(_) => Err(unexpected(&host)),
                Err(refusal) => Err(refusal.to_string()),
            };
            // An error means that salon is shutting down.
            messages.send(TaskMessage::Msg(Box::new(into(&host, result)))).ok();
        });
    }
}

/// Splits keys into those of this machine and those of each other one.
fn by_host(keys: Vec<SessionKey>) -> (Vec<SessionKey>, Vec<Vec<SessionKey>>) {
    let mut own = Vec::new();
    let mut there: BTreeMap<Arc<str>, Vec<SessionKey>> = BTreeMap::new();
    for key in keys {
        match key.host.clone() {
            Some(host) => there.entry(host).or_default().push(key),
            None => own.push(key),
        }
    }
    (own, there.into_values().collect())
}

fn trash_message(host: &Arc<str>, reply: Result<WorkReply, String>, into: fn(TrashResult) -> Msg) -> Msg {
    match reply {
        Ok(WorkReply::Trash(mut result)) => {
            result.done.iter_mut().for_each(|(key, _)| *key = key.clone().on(host));
            result.queued.iter_mut().for_each(|(key, _)| *key = key.clone().on(host));
            into(result)
        }
        Ok(_) => Msg::Notice { text: unexpected(host), error: true },
        Err(text) => Msg::Notice { text, error: true },
    }
}

/// Sets the host of the sessions that changes name.
fn changes_on(mut changes: Changes, host: &Arc<str>) -> Changes {
    for author in changes.files.iter_mut().flat_map(|file| &mut file.hunks).flat_map(|hunk| &mut hunk.authors) {
        author.session = author.session.clone().on(host);
    }
    changes.remarks = remarks_on(changes.remarks, host);
    changes
}

fn remarks_on(mut remarks: Vec<PlacedRemark>, host: &Arc<str>) -> Vec<PlacedRemark> {
    for placed in &mut remarks {
        placed.remark.session = placed.remark.session.clone().on(host);
    }
    remarks
}

pub(super) fn unexpected(host: &str) -> String {
    format!("{host} sent an unexpected reply")
}
