# sh watchdog.sh FOLDER PROGRAM ARGS...
# Becomes PROGRAM, under a watch: when standard input ends without a word, whoever started it is gone,
# and it is killed and FOLDER (if not empty) removed. A word on standard input ends the watch.
folder=$1
shift
exec 3<&0
watched=$$
(
  trap '' TERM INT HUP
  read -r word <&3 && exit
  kill -KILL "$watched"
  [ -n "$folder" ] || exit
  tries=0
  while kill -0 "$watched" && [ "$tries" -lt 20 ]; do
    tries=$((tries + 1))
    sleep 0.05
  done
  rm -rf -- "$folder"
) < /dev/null > /dev/null 2>&1 &
exec "$@" < /dev/null 3<&-
