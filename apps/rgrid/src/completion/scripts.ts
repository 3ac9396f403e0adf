/**
 * Each script asks rgrid itself at every TAB (`rgrid __complete`), so what it offers is never older
 * than the program. An answer of the single line `:files` means: offer files.
 */
const BASH = `_rgrid() {
  local IFS=$'\\n' answer
  answer=$(rgrid __complete "$COMP_CWORD" "\${COMP_WORDS[@]}" 2>/dev/null)
  if [ "$answer" = ":files" ]; then
    compopt -o default
    COMPREPLY=()
  else
    COMPREPLY=($(compgen -W "$answer" -- "\${COMP_WORDS[COMP_CWORD]}"))
  fi
}
complete -F _rgrid rgrid
`;

const ZSH = `_rgrid() {
  local answer
  answer=$(rgrid __complete $((CURRENT - 1)) "\${words[@]}" 2>/dev/null)
  if [[ $answer == ":files" ]]; then
    _files
  else
    compadd -- \${(f)answer}
  fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _rgrid rgrid
`;

const FISH = `function __rgrid_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l answer (rgrid __complete (math (count $words) - 1) $words 2>/dev/null)
  if test "$answer" = ":files"
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $answer
  end
end
complete -c rgrid -f -a '(__rgrid_complete)'
`;

export const COMPLETION_SCRIPTS: Readonly<Record<string, string>> = {
  bash: BASH,
  zsh: ZSH,
  fish: FISH,
};
