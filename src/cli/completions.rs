//! `salon completions`: prints a completion script. Names and options are static; ids of sessions come from a hidden
//! command of salon that the script calls.

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::{Cli, CompletionsArgs};
use super::context::CliContext;
use super::error::CliError;
use super::output;
use super::sessions::LoadedSessions;
use crate::domain::Session;
use crate::domain::catalog::Sort;
use crate::stdx::text::{ellipsis, one_line};

/// Maximum number of offered sessions, because a longer list is of no use in a shell.
const MAX_SESSIONS: usize = 200;

/// Maximum columns of a title beside an id.
const MAX_TITLE: usize = 60;

/// Commands whose first argument is the id of a session.
const WITH_ID: [&str; 11] =
    ["show", "resume", "send", "attach", "queue", "stop", "approve", "rename", "star", "tag", "note"];

/// Beginnings of the lines of the zsh script that complete an id.
const ZSH_IDS: [&str; 4] = ["':id -- ", "'::id -- ", "'*::ids -- ", "'*::words -- "];

/// Last lines of the zsh script, which call its function.
const ZSH_END: &str = "\nif [ \"$funcstack[1]\" = \"_salon\" ]; then";

/// Prints the completion script of a shell.
pub(super) fn run(args: &CompletionsArgs) -> Result<ExitCode, CliError> {
    // Written to memory first: the generator panics if its writer fails.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "salon", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let script = match args.shell {
        Shell::Bash => script + &bash(),
        Shell::Zsh => zsh(&script),
        Shell::Fish => script + &fish(),
        _ => script,
    };
    let mut out = output::stdout();
    out.write_all(script.as_bytes())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the ids and titles of sessions for a script, separated by tabs.
pub(super) fn session_ids(context: &CliContext) -> Result<ExitCode, CliError> {
    let mut loaded = LoadedSessions::read(context);
    loaded.all.sort_by(|a, b| Sort::Activity.compare(a, b));
    let mut out = output::stdout();
    let offered = loaded.all.iter().filter(|session| is_offered(session)).take(MAX_SESSIONS);
    for session in offered {
        writeln!(out, "{}\t{}", session.key.id, ellipsis(&one_line(&session.title.text), MAX_TITLE))?;
    }
    out.flush()?;
    loaded.finish();
    Ok(ExitCode::SUCCESS)
}

/// Returns true for sessions that lists show and whose id no shell could interpret.
fn is_offered(session: &Session) -> bool {
    let flags = session.flags;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_listed = !(flags.subagent || flags.headless || flags.empty || flags.archived || flags.purged);
    is_listed && !session.key.id.starts_with('-') && session.key.id.chars().all(is_plain)
}

/// Completes ids in bash: in the first argument of a command that takes one.
fn bash() -> String {
    format!(
        r#"
_salon_with_ids() {{
    _salon "$@"
    local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" i command=""
    [[ $cur == -* ]] && return 0
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${{COMP_WORDS[i]}}" in
            {commands}) [[ -z $command ]] && command="${{COMP_WORDS[i]}}" && continue ;;&
            -*) ;;
            *) [[ -n $command && ${{COMP_WORDS[i-1]}} != -* ]] && return 0 ;;
        esac
    done
    [[ -z $command ]] && return 0
    case "$prev" in
        -n|-C|--limit|--offset|--branch|--cwd|--tail|--cancel|--release|--deny|--approve|--config|--color) return 0 ;;
        --opencode-server) return 0 ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$(salon session-ids 2>/dev/null | cut -f1)" -- "$cur")
}}
complete -F _salon_with_ids -o bashdefault -o default salon
"#,
        commands = WITH_ID.join("|")
    )
}

/// Completes ids in zsh: the generated script names the argument.
fn zsh(script: &str) -> String {
    let with_ids = |line: &str| match line.trim_start() {
        argument if ZSH_IDS.iter().any(|start| argument.starts_with(start)) => {
            line.replacen(":_default'", ":_salon_session_ids'", 1)
        }
        _ => line.to_owned(),
    };
    let lines: Vec<_> = script.lines().map(with_ids).collect();
    let function = r#"
(( $+functions[_salon_session_ids] )) ||
_salon_session_ids() {
    local -a sessions
    sessions=("${(@f)$(salon session-ids 2>/dev/null | sed 's/:/\\:/g; s/\t/:/')}")
    _describe -t sessions 'session' sessions
}
"#;
    // The function must be known before the last lines, which call the completion.
    let text = lines.join("\n");
    match text.rsplit_once(ZSH_END) {
        Some((body, end)) => format!("{body}\n{function}{ZSH_END}{end}\n"),
        None => format!("{text}\n{function}"),
    }
}

/// Completes ids in fish, with titles.
fn fish() -> String {
    let line = |command: &&str| {
        format!(
            "complete -c salon -n \"__fish_seen_subcommand_from {command}\" -f -a \"(salon session-ids 2>/dev/null)\"\n"
        )
    };
    WITH_ID.iter().map(line).collect()
}
