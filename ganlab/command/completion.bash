_ganlab() {
  local line="${COMP_LINE:0:$COMP_POINT}" word before
  word="${line##* }"
  COMPREPLY=($(COMP_LINE="$line" ganlab --complete 2>/dev/null))
  # bash starts a new word behind `=`, zsh does not.
  if [[ "$COMP_WORDBREAKS" == *=* && "$word" == *=* ]]; then
    before="${word%"${word##*=}"}"
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
  fi
}
complete -o nospace -o default -F _ganlab ganlab
