//! `salon completions`: prints a completion script. Names and options are static; ids of sessions and words of queries come
//! from hidden commands of salon that the script calls.

use std::io::Write;
use std::process::ExitCode;

use clap::{Arg, CommandFactory};
use clap_complete::Shell;

use super::args::{Cli, CompletionsArgs, QueryWordsArgs};
use super::context::CliContext;
use super::error::CliError;
use super::output;
use super::sessions::LoadedSessions;
use crate::domain::Session;
use crate::domain::catalog::Sort;
use crate::domain::query::FilterKey;
use crate::domain::query::complete::{complete, value_at};
use crate::domain::query::session_values::session_values;
use crate::stdx::text::{ellipsis, one_line};

/// Maximum number of offered sessions, because a longer list is of no use in a shell.
const MAX_SESSIONS: usize = 200;

/// Maximum columns of a title beside an id.
const MAX_TITLE: usize = 60;

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

/// Prints the completions of a word of a query with their descriptions, separated by tabs.
pub(super) fn query_words(context: &CliContext, args: &QueryWordsArgs) -> Result<ExitCode, CliError> {
    let word = &args.word;
    let loaded = value_at(word, word.len()).map(|_| LoadedSessions::read(context));
    let sessions = || loaded.iter().flat_map(|loaded| &loaded.all).map(|session| &**session);
    let found = complete(word, word.len(), |filter| session_values(filter, sessions()));
    // Shells interpret other characters, bash even those of a completion.
    let is_plain = |text: &str| text.chars().all(|c| c.is_alphanumeric() || "-_./:~@+,".contains(c));
    let start = Some(&word[..found.span.start]).filter(|start| is_plain(start));
    let mut out = output::stdout();
    for (_, name, about) in FilterKey::ALL.into_iter().filter(|_| word.is_empty()) {
        writeln!(out, "{name}:\t{about}")?;
    }
    let candidates = found.candidates.iter().take(MAX_SESSIONS).filter(|candidate| is_plain(&candidate.text));
    for (start, candidate) in
        start.into_iter().flat_map(|start| candidates.clone().map(move |candidate| (start, candidate)))
    {
        writeln!(out, "{start}{}\t{}", candidate.text, candidate.hint)?;
    }
    out.flush()?;
    if let Some(loaded) = loaded {
        loaded.finish();
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns true for sessions that lists show and whose id no shell could interpret.
fn is_offered(session: &Session) -> bool {
    let flags = session.flags;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_listed = !(flags.subagent || flags.headless || flags.empty || flags.archived || flags.purged);
    is_listed && !session.key.id.starts_with('-') && session.key.id.chars().all(is_plain)
}

/// Returns the commands whose first argument is the id of a listed session.
fn commands_with_id() -> Vec<String> {
    commands_with(|argument| argument.is_positional() && has_value(argument, "ID"))
}

/// Returns the commands whose arguments are a query.
fn commands_with_query() -> Vec<String> {
    commands_with(|argument| argument.is_positional() && has_value(argument, "QUERY"))
}

fn commands_with(is_wanted: impl Fn(&Arg) -> bool) -> Vec<String> {
    let command = Cli::command();
    let found = command.get_subcommands().filter(|command| command.get_arguments().any(&is_wanted));
    // The ids in the trash are not listed.
    found.map(|command| command.get_name().to_owned()).filter(|name| name != "restore").collect()
}

/// Returns true if the value of an argument begins with a name: `ID` or `ID | TAG`.
fn has_value(argument: &Arg, name: &str) -> bool {
    let names = argument.get_value_names().unwrap_or_default();
    names.first().is_some_and(|value| value.split(' ').next() == Some(name))
}

/// Completes ids and words of queries in bash. An id is the first argument of a command that takes one. Bash splits the
/// words of queries at colons, so that only the part after the last colon is completed.
fn bash() -> String {
    format!(
        r#"
_salon_with_ids() {{
    _salon "$@"
    local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" i command="" queried="" given=""
    local word="$cur" at=$((COMP_CWORD - 1))
    if [[ $cur == : ]]; then
        word="$prev:" cur="" at=$((COMP_CWORD - 2))
    elif [[ $prev == : ]]; then
        word="${{COMP_WORDS[COMP_CWORD-2]}}:$cur" at=$((COMP_CWORD - 3))
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${{COMP_WORDS[i]}}" in
            {ids}) [[ -z $command$queried ]] && command="${{COMP_WORDS[i]}}" && continue ;;&
            {queries}) [[ -z $command$queried ]] && queried="${{COMP_WORDS[i]}}" && continue ;;&
            -*) ;;
            *) [[ -n $command && ${{COMP_WORDS[i-1]}} != -* ]] && given=1 ;;
        esac
    done
    if [[ ${{COMP_WORDS[at]}} == --query || ( -n $queried && ${{COMP_WORDS[at]}} != -* && $word != -- && $word != --* ) ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(salon query-words -- "$word" 2>/dev/null | cut -f1 | sed 's/.*:\(.\)/\1/')" -- "$cur")
        [[ ${{COMPREPLY[0]}} == *: ]] && compopt -o nospace 2>/dev/null
        return 0
    fi
    [[ $cur == -* || -z $command || -n $given ]] && return 0
    case "$prev" in
        -n|-C|--limit|--offset|--branch|--cwd|--tail|--cancel|--release|--deny|--approve|--config|--color) return 0 ;;
        --opencode-server) return 0 ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$(salon session-ids 2>/dev/null | cut -f1)" -- "$cur")
}}
complete -F _salon_with_ids -o bashdefault -o default salon
"#,
        ids = commands_with_id().join("|"),
        queries = commands_with_query().join("|"),
    )
}

/// Completes ids and words of queries in zsh: the generated script names the argument.
fn zsh(script: &str) -> String {
    let completed = |line: &str| match line.trim_start() {
        trash if trash.contains("in the trash:") => line.to_owned(),
        directory if directory.contains("Old directory") => line.replacen(":_default'", ":_files -/'", 1),
        argument if ZSH_IDS.iter().any(|start| argument.starts_with(start)) => {
            line.replacen(":_default'", ":_salon_session_ids'", 1)
        }
        query if query.starts_with("'*::query -- ") => line.replacen(":_default'", ":_salon_query_words'", 1),
        option if option.contains("--query=[") => line.replacen(":QUERY:_default'", ":QUERY:_salon_query_words'", 1),
        _ => line.to_owned(),
    };
    let lines: Vec<_> = script.lines().map(completed).collect();
    let function = r#"
(( $+functions[_salon_session_ids] )) ||
_salon_session_ids() {
    local -a sessions
    sessions=("${(@f)$(salon session-ids 2>/dev/null | sed 's/:/\\:/g; s/\t/:/')}")
    _describe -V -t sessions 'session' sessions
}
(( $+functions[_salon_query_words] )) ||
_salon_query_words() {
    local -a words
    words=("${(@f)$(salon query-words -- "$PREFIX" 2>/dev/null | cut -f1)}")
    compadd -S '' -- ${(M)words:#*:}
    compadd -- ${words:#*:}
}
"#;
    // The function must be known before the last lines, which call the completion.
    let text = lines.join("\n");
    match text.rsplit_once(ZSH_END) {
        Some((body, end)) => format!("{body}\n{function}{ZSH_END}{end}\n"),
        None => format!("{text}\n{function}"),
    }
}

/// Completes ids with titles, and words of queries, in fish.
fn fish() -> String {
    let words = "\"(salon query-words -- (commandline -ct) 2>/dev/null)\"";
    let ids = |command: &String| {
        format!(
            "complete -c salon -n \"__fish_seen_subcommand_from {command}\" -f -k -a \"(salon session-ids 2>/dev/null)\"\n"
        )
    };
    let queries =
        |command: &String| format!("complete -c salon -n \"__fish_seen_subcommand_from {command}\" -f -a {words}\n");
    let options = |command: &String| {
        format!("complete -c salon -n \"__fish_seen_subcommand_from {command}\" -l query -x -a {words}\n")
    };
    let with_option = commands_with(|argument| !argument.is_positional() && has_value(argument, "QUERY"));
    let lines = commands_with_id().iter().map(ids).collect::<Vec<_>>();
    let more = commands_with_query().iter().map(queries).chain(with_option.iter().map(options)).collect::<Vec<_>>();
    [lines, more].concat().concat()
}
