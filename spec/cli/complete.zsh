# Types each line into a zsh, presses Tab, and prints the line as it stands then.
#
#   zsh -f spec/cli/complete.zsh FOLDER LINE...     FOLDER: that of _graphsocket
zmodload zsh/zpty
folder=$1
shift
zpty -b shell zsh -f -i
zpty -w shell "PROMPT= RPROMPT=; fpath=(${(q)folder} \$fpath)
  autoload -Uz compinit; compinit -D -u; unsetopt beep
  show() { print -r -- \"<<<\$BUFFER>>>\"; BUFFER= }
  zle -N show; bindkey '^X' show; bindkey '^I' complete-word; print re''ady"
zpty -r shell text '*ready*'
for line; do
  zpty -w -n shell "$line"$'\t\x18'
  zpty -r shell text '*>>>*'
  text=${text##*<<<}
  print -r -- "${text%%>>>*}"
done
zpty -d shell
