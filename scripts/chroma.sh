#!/bin/sh
# Sets up the real Chroma server that the tests run against, and prints the path
# of an executable `chroma` whose process is the server's:
#
#	chroma run --path DIR --host 127.0.0.1 --port N
#
# usage: scripts/chroma.sh [current|old|<npm version>[/<bindings version>]]
#
# Everything lands in ${XDG_CACHE_HOME:-$HOME/.cache}/keepsake/chroma/<npm version>.
# Nothing is installed into the system. It may be run twice at once, and is done
# at once when it has been done before.
set -eu

say() { printf '%s\n' "chroma.sh: $*" >&2; }
die() { say "$*"; exit 1; }

case ${1:-current} in
current) npm_version=3.5.0 bindings=1.3.4 ;;
old) npm_version=3.0.9 bindings=1.0.1 ;;
*/*) npm_version=${1%%/*} bindings=${1#*/} ;;
[0-9]*) npm_version=$1 bindings='' ;;
*) die "unknown version $1: want current, old, or a version of the npm package chromadb" ;;
esac

root=${XDG_CACHE_HOME:-$HOME/.cache}/keepsake/chroma
home=$root/$npm_version
lock=$home.lock
work=$home.partial.$$

# Bindings from 1.3 on are linked against this C library.
glibc_wanted=2.38
debian_suite=trixie

done_already() {
	[ -x "$home/chroma" ] || return 1
	printf '%s\n' "$home/chroma"
}

# take_lock waits for another run to end; a lock whose owner is dead is taken over.
take_lock() {
	waited=0
	until mkdir "$lock" 2>/dev/null; do
		[ -w "$root" ] || die "cannot write to $root"
		if done_already; then exit 0; fi
		owner=$(cat "$lock/pid" 2>/dev/null || true)
		if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
			say "taking over from run $owner, which has ended"
			rm -rf "$lock" "$home.partial.$owner"
			continue
		fi
		waited=$((waited + 1))
		[ "$waited" -lt 900 ] || die "another run holds $lock; remove it if there is none"
		sleep 1
	done
	echo $$ >"$lock/pid"
}

clean_up() { rm -rf "$work" "$lock"; }

# install_package brings the npm package. The bindings are pinned, because the
# package itself takes whatever is newest; scripts of packages are not run.
install_package() {
	command -v node >/dev/null || die "node is not installed: the Chroma server comes as an npm package"
	command -v npm >/dev/null || die "npm is not installed: the Chroma server comes as an npm package"
	overrides=''
	if [ -n "$bindings" ]; then
		for platform in darwin-arm64 darwin-x64 linux-arm64-gnu linux-x64-gnu win32-x64-msvc; do
			overrides="$overrides${overrides:+,}\"chromadb-js-bindings-$platform\":\"$bindings\""
		done
	fi
	printf '{"private":true,"dependencies":{"chromadb":"%s"},"overrides":{%s}}\n' \
		"$npm_version" "$overrides" >"$work/package.json"
	say "installing chromadb $npm_version"
	(cd "$work" && npm install --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error >&2) ||
		die "npm could not install chromadb $npm_version (see above)"
	[ -n "$(find "$work/node_modules" -name '*.node' -print -quit)" ] ||
		die "chromadb $npm_version has no server for $(uname -s) on $(uname -m)"
}

# needs_libraries is true where the server would not load: glibc, and too old.
needs_libraries() {
	[ "$(uname -s)" = Linux ] || return 1
	have=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2)
	[ -n "$have" ] || die "this Linux has no glibc, which the Chroma server needs"
	[ "$(printf '%s\n%s\n' "$glibc_wanted" "$have" | sort -V | head -n1)" != "$glibc_wanted" ] || return 1
	case $bindings in 1.[012].*) return 1 ;; esac
}

# debian_mirror finds the archive that this machine's own apt uses.
debian_mirror() {
	if [ -n "${KEEPSAKE_DEBIAN_MIRROR:-}" ]; then
		printf '%s\n' "$KEEPSAKE_DEBIAN_MIRROR"
		return
	fi
	find /etc/apt/sources.list /etc/apt/sources.list.d -type f \( -name '*.list' -o -name '*.sources' \) 2>/dev/null |
		while read -r file; do sed -e 's/#.*//' "$file"; done |
		grep -oE '[a-z+]+://[^[:space:]]*/debian/?([[:space:]]|$)' | head -n1
}

# fetch_libraries puts the C and C++ libraries of a newer Debian beside the
# server. apt gets sources, lists and caches of its own, and from the system only
# how to reach the network; no hook of the system runs.
fetch_libraries() {
	if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
		die "the server needs glibc $glibc_wanted, this machine has $have, and without apt newer libraries cannot be fetched"
	fi
	mirror=$(debian_mirror)
	[ -n "$mirror" ] || die "the server needs glibc $glibc_wanted, this machine has $have, and no Debian archive is among its apt sources: set KEEPSAKE_DEBIAN_MIRROR to one"
	apt=$work/apt
	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/parts" "$work/libraries"
	: >"$apt/state/status"
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	{
		printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$mirror" "$debian_suite"
		if [ -r "$keyring" ]; then printf 'Signed-By: %s\n' "$keyring"; fi
	} >"$apt/debian.sources"
	{
		apt-config dump | grep '^Acquire::' || true
		cat <<-CONF
			Dir::State "$apt/state";
			Dir::State::status "$apt/state/status";
			Dir::Cache "$apt/cache";
			Dir::Etc::sourcelist "$apt/debian.sources";
			Dir::Etc::sourceparts "-";
			Dir::Etc::parts "$apt/parts";
			Dir::Etc::main "-";
			Acquire::Languages "none";
			APT::Sandbox::User "$(id -un)";
		CONF
	} >"$apt/apt.conf"
	say "this machine has glibc $have: fetching the libraries of Debian $debian_suite"
	(cd "$apt" && APT_CONFIG=$apt/apt.conf apt-get -qq update >&2) ||
		die "apt could not read the package lists of Debian $debian_suite from $mirror (see above)"
	(cd "$apt" && APT_CONFIG=$apt/apt.conf apt-get -qq download libc6 libstdc++6 libgcc-s1 >&2) ||
		die "apt could not download libc6, libstdc++6 and libgcc-s1 of Debian $debian_suite from $mirror (see above)"
	for deb in "$apt"/*.deb; do dpkg-deb -x "$deb" "$work/libraries"; done
	rm -rf "$apt" "$work/libraries/usr/share"
}

# write_wrapper writes the command. It uses exec, so that its pid is the server's.
write_wrapper() {
	# shellcheck disable=SC2016 # the wrapper expands these, not this script
	run='"$(command -v node)" "$here/node_modules/chromadb/dist/cli.mjs"'
	if [ -d "$work/libraries" ]; then
		loader=$(cd "$work" && find libraries -name 'ld-linux-*.so.*' | head -n1)
		path=$(cd "$work" && find libraries -name libc.so.6 -exec dirname {} \; | head -n1)
		if [ -z "$loader" ] || [ -z "$path" ]; then die "the fetched libraries hold no C library"; fi
		run="\"\$here/$loader\" --library-path \"\$here/$path\" $run"
	fi
	cat >"$work/chroma" <<-WRAPPER
		#!/bin/sh
		here=\$(cd "\$(dirname "\$0")" && pwd) || exit 1
		exec $run "\$@"
	WRAPPER
	chmod +x "$work/chroma"
	"$work/chroma" --help >/dev/null || die "the server that was set up does not start (see above)"
}

if done_already; then exit 0; fi
mkdir -p "$root" || die "cannot write to $root"
take_lock
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
if done_already; then exit 0; fi
rm -rf "$home" "$work"
mkdir "$work"
install_package
if needs_libraries; then fetch_libraries; fi
write_wrapper
if done_already; then exit 0; fi
mv "$work" "$home"
done_already
