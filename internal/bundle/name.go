package bundle

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"keepsake/internal/memory"
)

// The names of a bundle's own files, and the prefixes of directories in a backup
// root. A directory with another prefix than Prefix is never a bundle.
const (
	MetaFile = "bundle-meta.json"
	SumsFile = "SHA256SUMS"

	Prefix        = "backup-"
	PartialPrefix = ".backup-partial-"
	TrashPrefix   = ".backup-trash-"

	ownerFile = ".keepsake-owner.json"
)

const (
	timestampLayout = "2006-01-02T15-04-05.000Z"
	payloadSuffix   = ".jsonl"
	backupInfix     = "-backup-"
)

// FormatTimestamp returns t in UTC as bundles spell it: ISO 8601 with
// milliseconds, "-" for ":".
func FormatTimestamp(t time.Time) string { return t.UTC().Format(timestampLayout) }

// ParseTimestamp reads what FormatTimestamp writes, and nothing else.
func ParseTimestamp(s string) (time.Time, error) {
	t, err := time.Parse(timestampLayout, s)
	if err != nil || FormatTimestamp(t) != s {
		return time.Time{}, fmt.Errorf("parse timestamp %q: want the form %s", s, timestampLayout)
	}
	return t, nil
}

// ParseName returns the time in a bundle's directory name. Any other name is an
// error: "backup-1" and "backup-2019" are somebody else's.
func ParseName(name string) (time.Time, error) {
	ts, ok := strings.CutPrefix(name, Prefix)
	if !ok {
		return time.Time{}, fmt.Errorf("parse bundle name %q: want %s<timestamp>", name, Prefix)
	}
	return ParseTimestamp(ts)
}

const randomLen = 8

// TempName makes the name of a folder that is no bundle yet, or none any more:
// prefix, timestamp, "-", random.
func TempName(prefix, timestamp string) string {
	return prefix + timestamp + "-" + rand.Text()[:randomLen]
}

// ParseTempName returns the timestamp in a name that TempName makes.
func ParseTempName(prefix, name string) (timestamp string, ok bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok || len(rest) != len(timestampLayout)+1+randomLen || rest[len(timestampLayout)] != '-' {
		return "", false
	}
	timestamp = rest[:len(timestampLayout)]
	_, err := ParseTimestamp(timestamp)
	return timestamp, err == nil
}

// Compression is how a payload lies on disk: the end of its name after ".jsonl".
type Compression string

// The compressions. A bundle of ours is written plain or with Zstd; the others
// are read.
const (
	Plain  Compression = ""
	Zstd   Compression = ".zst"
	Gzip   Compression = ".gz"
	Brotli Compression = ".br"
)

// PayloadPath returns where a section's records lie in a bundle, with slashes.
// Vectors and graph carry the bundle's timestamp in their name as Neo.mjs has
// it; lines keep the name of the file that they were. An opaque file lies under the
// section's own name, and is never compressed: it can be opened where it lies.
func PayloadPath(section memory.Section, kind memory.Kind, timestamp string, c Compression) string {
	switch kind {
	case memory.Opaque:
		return string(section)
	case memory.Vectors, memory.Elements:
		return string(section) + backupInfix + timestamp + payloadSuffix + string(c)
	case memory.Lines:
	}
	return string(section) + payloadSuffix + string(c)
}

// The folders of a bundle that are no subsystem's, from format 2 on.
const (
	indexFolder  = "index"
	imagesFolder = "images"
)

var errReserved = errors.New("a bundle keeps files of its own in a folder of that name")

// reserved reports whether a folder of that name is the bundle's own.
func reserved(sub memory.Subsystem) bool { return sub == indexFolder || sub == imagesFolder }

// IndexPath returns where the index of a section lies in a bundle, with slashes.
func IndexPath(section memory.Section) string { return indexFolder + "/" + string(section) + ".idx" }

func isIndex(p string) bool {
	return strings.HasPrefix(p, indexFolder+"/") && strings.HasSuffix(p, ".idx")
}

// splitCompression divides a payload's path; ok is false when it isn't JSONL.
func splitCompression(p string) (stem string, c Compression, ok bool) {
	for _, c = range []Compression{Zstd, Gzip, Brotli, Plain} {
		if stem, ok = strings.CutSuffix(p, payloadSuffix+string(c)); ok {
			return stem, c, true
		}
	}
	return "", "", false
}

// knownPayload says which section the payload of a bundle without a keepsake
// block belongs to. Neo.mjs may write several files of one section; their
// timestamps are their own.
func knownPayload(p string) (section memory.Section, kind memory.Kind, ok bool) {
	stem, _, ok := splitCompression(p)
	if !ok {
		return "", "", false
	}
	switch memory.Section(stem).Subsystem() {
	case memory.Concepts, memory.Trajectories, memory.Mailbox:
		return memory.Section(stem), memory.Lines, checkSection(memory.Section(stem)) == nil
	}
	stem, _, ok = strings.Cut(stem, backupInfix)
	section = memory.Section(stem)
	switch section {
	case memory.KnowledgeBase, memory.Memories, memory.Summaries:
		return section, memory.Vectors, ok
	case memory.Graph:
		return section, memory.Elements, ok
	}
	return "", "", false
}

// checkSection refuses the name of a section that can't be a path in a bundle.
func checkSection(s memory.Section) error {
	if s.Name() == "" {
		return fmt.Errorf("section %q: want subsystem/name", s)
	}
	if err := checkPath(string(s)); err != nil {
		return fmt.Errorf("section %q: %w", s, err)
	}
	if sub := s.Subsystem(); !sub.Valid() {
		return fmt.Errorf("section %q: %q is no subsystem: want lower case letters, digits, - and _", s, sub)
	}
	return nil
}

// checkKind refuses a kind that a section can't be of: the six folders have one
// each, others may have any.
func checkKind(s memory.Section, kind memory.Kind) error {
	want := kind
	switch s.Subsystem() {
	case memory.KB, memory.MC:
		want = memory.Vectors
	case memory.GraphSystem:
		want = memory.Elements
	case memory.Concepts, memory.Trajectories, memory.Mailbox:
		want = memory.Lines
	}
	switch {
	case !slices.Contains([]memory.Kind{memory.Vectors, memory.Elements, memory.Lines, memory.Opaque}, kind):
		return fmt.Errorf("section %q: kind %q is unknown, or newer than this program", s, kind)
	case kind != want:
		return fmt.Errorf("section %q: is of kind %q, and %s holds %q", s, kind, s.Subsystem(), want)
	}
	return nil
}

// checkPath refuses a path that isn't plainly inside a bundle, on any system,
// or that SHA256SUMS would have to escape.
func checkPath(p string) error {
	switch {
	case !fs.ValidPath(p) || p == "." || path.Clean(p) != p:
		return fmt.Errorf("path %q leaves the bundle", p)
	case !utf8.ValidString(p):
		return fmt.Errorf("path %q is not UTF-8", p)
	case strings.ContainsRune(p, '\\') || strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("path %q has a backslash or a control character", p)
	case len(p) > 1024:
		return fmt.Errorf("path of %d bytes is longer than 1024", len(p))
	}
	return nil
}
