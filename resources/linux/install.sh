#!/bin/sh
# Makes Lennonnet one of your programs, or takes it away again: sh install.sh [--remove]
# Needs no rights but your own. Makes nothing but these, and touches nothing of that name that it has not made itself:
#   ~/.local/share/lennonnet-program/                               this folder, copied
#   ~/.local/share/applications/lennonnet.desktop                   for the menu, and for “Open with”
#   ~/.local/share/icons/hicolor/scalable/apps/lennonnet.svg
#   ~/.local/share/metainfo/io.github.lennonnet.metainfo.xml        for programs that list programs
#   ~/.local/bin/lennonnet                                          a link, for the terminal
# What you labelled and taught lies in ~/.local/share/lennonnet, and stays.
set -eu

stop() {
    printf '%s\n' "$1" >&2
    exit 1
}

case "${1-}" in
'' | --remove) ;;
*) stop 'Usage: sh install.sh [--remove]' ;;
esac
[ "$#" -le 1 ] || stop 'Usage: sh install.sh [--remove]'
[ -n "${HOME-}" ] || stop 'There is no home folder to install to: HOME is not set.'

data=${XDG_DATA_HOME:-$HOME/.local/share}
case "$data" in
/*) ;;
*) data=$HOME/.local/share ;; # as the standard has it: what is not a whole path does not count
esac
program=$data/lennonnet-program
entry=$data/applications/lennonnet.desktop
icon=$data/icons/hicolor/scalable/apps/lennonnet.svg
about=$data/metainfo/io.github.lennonnet.metainfo.xml
link=$HOME/.local/bin/lennonnet
mark='X-Lennonnet-Program'

is_ours() { # a program folder, a menu entry, a link or a picture that this script has made
    [ -e "$program/.installed" ] || [ ! -e "$program" ] || return 1
    # Without a menu entry of ours, a picture of that name came from somebody else.
    [ ! -e "$icon" ] || [ -e "$entry" ] || [ -e "$program/.installed" ] || return 1
    [ ! -e "$entry" ] || grep -q "^$mark=" "$entry" || return 1
    if [ -L "$link" ]; then
        [ "$(readlink "$link")" = "$program/lennonnet" ] || return 1
    elif [ -e "$link" ]; then
        return 1
    fi
}

is_ours || stop "Something else named Lennonnet is there already, and was left alone. Have a look at these:
  $program
  $entry
  $icon
  $link"

clear_away() { # what an earlier run left half done; copies of what can't be written to can't be either
    chmod -R u+w "$program.new" "$program.old" 2>/dev/null || true
    rm -rf "$program.new" "$program.old"
}

tell_desktop() { # it would find out by itself, but later
    if command -v update-desktop-database >/dev/null 2>&1; then
        update-desktop-database -q "$data/applications" >/dev/null 2>&1 || true
    fi
    if [ -d "$data/icons/hicolor" ]; then
        touch "$data/icons/hicolor" || true
    fi
}

opens_folders() { # the program that a desktop opens folders with
    if command -v xdg-mime >/dev/null 2>&1; then
        xdg-mime query default inode/directory 2>/dev/null || true
    fi
}

if [ "${1-}" = --remove ]; then
    rm -f "$entry" "$link"
    if [ -e "$program/.installed" ]; then
        rm -f "$icon" "$about"
        rm -rf "$program"
    fi
    clear_away
    tell_desktop
    echo 'Lennonnet was taken away. What you labelled and taught is still there, for another time.'
    exit 0
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
[ -x "$here/lennonnet" ] || stop "There is no program beside this script: $here/lennonnet"

opened=$(opens_folders)
mkdir -p "$data/applications" "${icon%/*}" "${about%/*}" "${link%/*}"
if [ "$here" != "$(CDPATH='' cd -- "$program" 2>/dev/null && pwd -P)" ]; then # else it is run from there, to mend the rest
    clear_away
    if ! { cp -R "$here" "$program.new" && chmod -R u+w "$program.new"; }; then
        clear_away
        stop 'There is too little room for Lennonnet, or its place cannot be written. Nothing was changed.'
    fi
    : >"$program.new/.installed"
    [ ! -e "$program" ] || mv "$program" "$program.old"
    mv "$program.new" "$program"
    clear_away
fi
cp "$program/lennonnet.svg" "$icon"
cp "$program/io.github.lennonnet.metainfo.xml" "$about"
ln -sf "$program/lennonnet" "$link"

# A path in a menu entry stands in quotes; within these, " ` $ \ have a backslash before them, which is doubled once more
# as in all values, and a percent sign is doubled.
quoted=$(printf '%s' "$program/lennonnet" | sed -e 's/\\/\\\\\\\\/g' -e 's/["`$]/\\\\&/g' -e 's/%/%%/g')
{
    while IFS= read -r line; do
        case "$line" in
        Exec=*) printf 'Exec="%s" %%f\n' "$quoted" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done <"$program/lennonnet.desktop"
    printf '%s=1\n' "$mark"
} >"$entry.new"
mv "$entry.new" "$entry"
tell_desktop
# A desktop that nobody told which one of several to take may take the newest. It is to be one to choose, no more.
if [ -n "$opened" ] && [ "$opened" != lennonnet.desktop ] && [ "$(opens_folders)" = lennonnet.desktop ]; then
    xdg-mime default "$opened" inode/directory || true
fi

echo 'Lennonnet is one of your programs now: look for it in the menu, or under “Open with” of a folder.'
case ":${PATH-}:" in
*":$HOME/.local/bin:"*) ;;
*) echo 'To start it by its name in a terminal, log in anew, or add ~/.local/bin to PATH.' ;;
esac
