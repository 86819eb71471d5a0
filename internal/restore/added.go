package restore

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"keepsake/internal/memory"
	"keepsake/internal/record"
	"keepsake/internal/store"
)

// count is how often rows come, by digest: lines may be equal.
type count map[record.Digest]int

func (c count) rows() (n int64) {
	for _, times := range c {
		n += int64(times)
	}
	return n
}

// put is what a merge put into a section. Of an opaque one it is one row, the file.
type put struct {
	added count            // the target said that it has them
	maybe count            // they were about to be sent, and nobody heard of them
	had   count            // how many equal lines lived before
	names map[string]int64 // the ids of those that may be in
}

// all are the rows that are in or may be.
func (p *put) all() count {
	all := maps.Clone(p.added)
	for digest, n := range p.maybe {
		all[digest] += n
	}
	return all
}

// leave is how many lines that are equal to a record were there before.
func (p *put) leave(digest [32]byte) int64 { return int64(p.had[digest]) }

// puts is what a merge put into a memory.
type puts map[memory.Section]*put

func (p puts) of(s memory.Section) *put {
	if p[s] == nil {
		p[s] = &put{count{}, count{}, count{}, map[string]int64{}}
	}
	return p[s]
}

// readPuts reads from the folder of a merge what it put in. A torn line is of a row
// that a killed process did not come to: what it intended is on disk before it is done.
func readPuts(dir string) (puts, error) {
	p := puts{}
	if err := eachLine(filepath.Join(dir, intentsFile), p.intent); err != nil {
		return nil, fmt.Errorf("read what was about to be added: %w", err)
	}
	if err := eachLine(filepath.Join(dir, recordsFile), p.record); err != nil {
		return nil, fmt.Errorf("read what was added: %w", err)
	}
	for _, of := range p {
		of.maybe.less(of.added)
	}
	return p, nil
}

// name notes the ids of the rows that may be in, as the targets have them.
func (p puts) name(dir string) error {
	err := eachLine(filepath.Join(dir, intentsFile), func(text []byte) error {
		var line intentLine
		if err := json.Unmarshal(text, &line); err != nil || line.Settled {
			return err
		}
		digest, err := parseDigest(line.Digest)
		if of := p[line.Section]; err == nil && of != nil && of.maybe[digest] > 0 {
			of.names[line.ID] = int64(of.maybe[digest])
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read what was about to be added: %w", err)
	}
	return nil
}

// takenBack is what an undo of a merge takes out of a memory.
func takenBack(r *Receipt, confirmedOnly bool) (puts, error) {
	p, err := readPuts(r.Dir)
	if err == nil && !confirmedOnly {
		if err = p.disclaim(r); err == nil {
			err = p.name(r.Dir)
		}
	}
	if err != nil {
		return nil, err
	}
	for s, of := range p {
		if confirmedOnly {
			of.maybe = nil
		}
		if len(of.added)+len(of.maybe) == 0 {
			delete(p, s)
		}
	}
	if len(p) == 0 {
		return nil, fmt.Errorf("%w: no row that %s added is known to be in", ErrNothingToUndo, filepath.Base(r.Dir))
	}
	return p, nil
}

// disclaim leaves out, of the rows that may be in by the merge of r, those that a later
// one has added: it saw that they were not.
func (p puts) disclaim(r *Receipt) error {
	if !slices.ContainsFunc(slices.Collect(maps.Values(p)), func(of *put) bool { return len(of.maybe) > 0 }) {
		return nil
	}
	later, err := laterMerges(r)
	if err != nil {
		return err
	}
	for _, l := range later {
		theirs, err := readPuts(l.Dir)
		if err != nil {
			return err
		}
		for _, s := range r.Sections {
			if of, their := p[s.Section], theirs[s.Section]; of != nil && their != nil && l.wroteTo(s) {
				of.maybe.less(their.added)
			}
		}
	}
	return nil
}

// less takes rows out.
func (c count) less(others count) {
	for digest, n := range others {
		if c[digest] -= n; c[digest] <= 0 {
			delete(c, digest)
		}
	}
}

// wroteTo reports whether the restore put a section where s is.
func (r *Receipt) wroteTo(s SectionReceipt) bool {
	return slices.ContainsFunc(r.Sections, func(o SectionReceipt) bool {
		return o.Section == s.Section && o.Target.SamePlace(s.Target)
	})
}

// intent takes in a line of intents.jsonl. Of a section that was settled, all is
// known that came before.
func (p puts) intent(text []byte) error {
	var line intentLine
	if err := json.Unmarshal(text, &line); err != nil {
		return err
	}
	of := p.of(line.Section)
	if line.Settled {
		of.maybe = count{}
		return nil
	}
	digest, err := parseDigest(line.Digest)
	if err != nil {
		return err
	}
	of.maybe[digest]++
	of.had[digest] = max(of.had[digest], int(line.Had))
	return nil
}

// record takes in a line of records.jsonl.
func (p puts) record(text []byte) error {
	var line recordLine
	if err := json.Unmarshal(text, &line); err != nil {
		return err
	}
	if line.Outcome != store.Added {
		return nil
	}
	digest, err := parseDigest(line.Digest)
	if err == nil {
		p.of(line.Section).added[digest]++
	}
	return err
}

func parseDigest(text string) (d record.Digest, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(d) {
		return d, errors.New("no digest")
	}
	return record.Digest(raw), nil
}

// eachLine passes on the whole lines of a file, however long; one that isn't there has
// none.
func eachLine(path string, use func(line []byte) error) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, 1<<16)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF): // what is left is torn
			return nil
		case err != nil:
			return err
		}
		if err := use(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
}

// only passes on the records that a merge put in. It may be ranged over again.
func only(records iter.Seq2[memory.Record, error], kind memory.Kind, wanted count) iter.Seq2[memory.Record, error] {
	return func(yield func(memory.Record, error) bool) {
		var scanner record.Scanner
		given := count{}
		for rec, err := range records {
			if err != nil {
				yield(nil, err)
				return
			}
			digest, err := digestOf(&scanner, kind, rec)
			if err != nil {
				yield(nil, err)
				return
			}
			if given[digest] >= wanted[digest] {
				continue
			}
			given[digest]++
			if !yield(rec, nil) {
				return
			}
		}
	}
}

func digestOf(scanner *record.Scanner, kind memory.Kind, rec memory.Record) (record.Digest, error) {
	if kind != memory.Vectors {
		return scanner.LineDigest(rec), nil
	}
	v, err := scanner.Vector(rec)
	if err != nil {
		return record.Digest{}, err
	}
	return scanner.VectorDigest(rec, v)
}
