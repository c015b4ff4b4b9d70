# Reads files of agents for a salon on another machine. Needs find, stat and dd only, and writes nothing.
# Input: a line that ends answers, then requests: "list", "stat 0 0 PATH", "read SKIP COUNT PATH" in blocks of 4,096 bytes.
# Output: for each request its bytes, then a line with that text and an exit code.
IFS= read -r mark || exit 1
claude=${CLAUDE_CONFIG_DIR:-$HOME/.claude}
codex=${CODEX_HOME:-$HOME/.codex}
gemini=$HOME/.gemini
qwen=$HOME/.qwen
goose=${XDG_DATA_HOME:-$HOME/.local/share}/goose
answer() { printf '\n%s %s\n' "$mark" "$1"; }
if stat -c %i / >/dev/null 2>&1; then
    facts() { find -H "$@" -exec stat -c '%i %s %Y %n' {} + 2>/dev/null; }
elif stat -f %i / >/dev/null 2>&1; then
    facts() { find -H "$@" -exec stat -f '%i %z %m %N' {} + 2>/dev/null; }
else
    answer 3
    exit 3
fi
within() {
    cd "$2" 2>/dev/null || return 0
    printf '# %s\n' "$1"
    shift 2
    facts "$@"
}
path_of() {
    case $1 in
        .claude/*) file=$claude/${1#.claude/} ;;
        .codex/*) file=$codex/${1#.codex/} ;;
        .gemini/*) file=$gemini/${1#.gemini/} ;;
        .qwen/*) file=$qwen/${1#.qwen/} ;;
        .local/share/goose/*) file=$goose/${1#.local/share/goose/} ;;
        *) return 1 ;;
    esac
}
answer 0
while IFS=' ' read -r request skip count path; do
    case $request in
        list)
            (within .claude "$claude" ./projects -type f \( -name '*.jsonl' -o -name '*.meta.json' -o -name custom-title.json \) ! -path '*/tool-results/*')
            (within .codex "$codex" ./sessions ./archived_sessions ./session_index.jsonl -type f \( -name 'rollout-*' -o -name session_index.jsonl \))
            (within .gemini "$gemini" ./tmp ./projects.json -type f \( -path '*/chats/*.json*' -o -name .project_root -o -name projects.json \))
            (within .qwen "$qwen" ./projects -type f \( -name '*.jsonl' -o -name '*.meta.json' \))
            (within .local/share/goose "$goose" ./sessions -type f -name '*.jsonl')
            answer 0
            ;;
        stat)
            path_of "$path" && facts "$file" -type f
            answer $?
            ;;
        read)
            path_of "$path" && dd if="$file" bs=4096 skip="$skip" count="$count" 2>/dev/null
            answer $?
            ;;
    esac
done
