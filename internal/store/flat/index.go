package flat

import (
	"context"
	"crypto/sha256"

	"keepsake/internal/record"
)

// index is what a live file holds, as hashes: about 45 bytes a line. A log is
// known by the bytes of its lines, a keyed file by the canonical form of its
// lines and by their keys.
type index struct {
	keyed bool
	rows  int64 // whole lines
	bytes int64 // of them, with their newlines
	sum   uint32
	lines map[hash]copies
	keys  map[hash]struct{}
	// torn is what identifies the last line when it has no newline yet.
	torn   identity
	isTorn bool

	scanner record.Scanner
	key     []byte
}

// copies are how many equal lines there are: those that nobody has taken, and those
// that there were.
type copies struct{ left, had uint32 }

// hash is half a SHA-256.
type hash [16]byte

// identity is who a line is. key is zero for a line without one.
type identity struct{ line, key hash }

// identify hashes a line.
func (x *index) identify(line []byte) identity {
	if !x.keyed {
		sum := sha256.Sum256(line)
		return identity{line: hash(sum[:16])}
	}
	digest := x.scanner.LineDigest(line)
	id := identity{line: hash(digest[:16])}
	if key, found := x.keyOf(line); found {
		sum := sha256.Sum256(key)
		id.key = hash(sum[:16])
	}
	return id
}

// keyOf is the key of a line: its id, else its source, target and type.
func (x *index) keyOf(line []byte) (key []byte, found bool) {
	if isJSON, err := x.scanner.Line(line); err != nil || !isJSON {
		return nil, false
	}
	if key, found = appendValue(x.key[:0], line, "id"); !found {
		key, found = x.key[:0], true
		for _, name := range []string{"source", "target", "type"} {
			var has bool
			key, has = appendValue(append(key, 0), line, name)
			found = found && (has || name == "type")
		}
	}
	x.key = key
	return key, found
}

// appendValue appends a member of a JSON object in canonical form.
func appendValue(dst, object []byte, name string) ([]byte, bool) {
	span, found := record.Lookup(object, name)
	if !found {
		return dst, false
	}
	value, err := record.AppendCanonical(dst, span.Of(object))
	return value, err == nil
}

func (x *index) add(id identity) {
	n := x.lines[id.line]
	x.lines[id.line] = copies{n.left + 1, n.had + 1}
	if id.key != (hash{}) {
		x.keys[id.key] = struct{}{}
	}
}

// has reports whether the file holds the line itself. Each line of a log can be
// found as often as it is there.
func (x *index) has(id identity) bool {
	if !x.keyed {
		return x.take(id)
	}
	return x.lines[id.line].left > 0
}

// take takes a line out of the index, and reports whether it was there.
func (x *index) take(id identity) bool {
	n := x.lines[id.line]
	if n.left > 0 {
		x.lines[id.line] = copies{n.left - 1, n.had}
	}
	return n.left > 0
}

// hasKey reports whether the file holds a line of the same key.
func (x *index) hasKey(id identity) bool {
	_, found := x.keys[id.key]
	return found && id.key != (hash{})
}

func newIndex(keyed bool) *index {
	return &index{keyed: keyed, lines: map[hash]copies{}, keys: map[hash]struct{}{}}
}

// indexFile reads a file as long as it is now. The torn line behind the last
// newline, if there is one, counts only withTorn: it is as good as there for
// who is going to end it.
func indexFile(ctx context.Context, f readerAt, keyed, withTorn bool) (*index, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	lines := newLines(f, info.Size())
	x, err := indexLines(ctx, lines, keyed)
	if err == nil && withTorn && len(lines.tail) > 0 {
		x.torn, x.isTorn = x.identify(lines.tail), true
		x.add(x.torn)
	}
	return x, err
}

func indexLines(ctx context.Context, lines *lines, keyed bool) (*index, error) {
	x := newIndex(keyed)
	err := lines.each(ctx, func(line []byte) error {
		x.add(x.identify(line))
		x.bytes += int64(len(line)) + 1
		x.sum = lines.sum
		return nil
	})
	x.rows = lines.n
	return x, err
}
