package bundle

import (
	"bytes"
	"errors"
	"fmt"

	"keepsake/internal/index"
	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// checker judges the rows of one section. Writer and reader share it, so that
// the one refuses what the other would.
type checker struct {
	section memory.Section
	kind    memory.Kind
	opaque  bool // lines that need not be JSON
	ours    bool // rows that we printed: canonical, nodes before edges

	scanner    record.Scanner
	canon      canoniser
	ids        idSet
	digests    digests
	rows       int64
	dimension  int // of the section, 0 until it is known
	salvaged   int64
	vectorless []string       // ids of the first rows without a vector
	edges      bool           // an edge has come
	index      *index.Builder // nil where nobody wants one
	key        []byte         // scratch for an entry of the index
}

// errNotJSON is returned for a line of a flat file that is no JSON object. It is
// in the bundle all the same: whether it may be is for the caller to say.
var errNotJSON = errors.New("is no JSON object")

// errNodeLate is returned for a node behind an edge. Nobody may write one; in a
// bundle that has one it is no harm, since a restore puts nodes before edges.
var errNodeLate = errors.New("is a node, and edges came before it")

func newChecker(section memory.Section, kind memory.Kind, dimension int, ours bool) *checker {
	return &checker{
		section: section, kind: kind, dimension: dimension, ours: ours,
		opaque: section.Subsystem() == memory.Mailbox,
	}
}

// row judges the next row, which holds no newline. A refused row is counted,
// but neither hashed nor looked at further; errNotJSON is no refusal by itself.
func (c *checker) row(line []byte) error {
	c.rows++
	if int64(len(line)) > record.MaxLine {
		return errLineTooLong
	}
	switch c.kind {
	case memory.Vectors:
		return c.vector(line)
	case memory.Elements:
		return c.element(line)
	case memory.Lines:
		return c.line(line)
	}
	return fmt.Errorf("kind %q has no rows", c.kind)
}

func (c *checker) vector(line []byte) error {
	v, err := c.scanner.Vector(line)
	if err != nil {
		return err
	}
	if err := c.fits(v.Dimension); err != nil {
		return err
	}
	if v.Dimension < 0 && len(c.vectorless) < memory.MostNamed {
		c.vectorless = append(c.vectorless, string(v.Key))
	}
	digest, err := c.digestVector(line, v)
	if err != nil {
		return err
	}
	c.ids.add(0, v.Key)
	c.digests.add(digest)
	if c.ours {
		return c.canon.confirm(line, v)
	}
	return nil
}

// digestVector returns a row's digest, and adds its entry to the index.
func (c *checker) digestVector(line []byte, v *record.Vector) (record.Digest, error) {
	if c.index == nil {
		return c.scanner.VectorDigest(line, v)
	}
	digest, content, err := c.scanner.VectorDigests(line, v)
	if err == nil {
		c.index.Add(index.Vector(v.Key, content, v.Bits))
	}
	return digest, err
}

// fits compares a row's dimension with the section's; -1 is a salvaged row.
func (c *checker) fits(dimension int) error {
	switch {
	case dimension < 0:
		c.salvaged++
		return nil
	case dimension == 0:
		return errors.New("embedding has no numbers")
	case c.dimension == 0:
		c.dimension = dimension
	case c.dimension != dimension:
		return fmt.Errorf("embedding has %d numbers, the section's have %d", dimension, c.dimension)
	}
	return nil
}

func (c *checker) element(line []byte) error {
	e, err := c.scanner.Element(line)
	if err != nil {
		return err
	}
	edge := e.Edge
	c.ids.add(space(e), e.ID)
	digest := c.scanner.LineDigest(line)
	c.digests.add(digest)
	if c.index != nil {
		var entry index.Entry
		entry, c.key = index.Element(edge, e.ID, digest, c.key)
		c.index.Add(entry)
	}
	if c.ours && c.edges && !edge {
		return errNodeLate
	}
	c.edges = c.edges || edge
	return nil
}

// space keeps nodes and edges apart, whose ids may be the same.
func space(e *record.Element) byte {
	if e.Edge {
		return 1
	}
	return 0
}

func (c *checker) line(line []byte) error {
	json, err := c.scanner.Line(line)
	if err != nil {
		return err
	}
	digest := c.scanner.LineDigest(line)
	c.digests.add(digest)
	if c.index != nil {
		c.index.Add(index.Line(digest))
	}
	if !json && !c.opaque {
		return errNotJSON
	}
	return nil
}

// id returns the id of a row that was accepted, and its name space; ok is false
// for rows without one. The id is valid until the next call.
func (c *checker) id(line []byte) (id []byte, in byte, ok bool) {
	switch c.kind {
	case memory.Vectors:
		if v, err := c.scanner.Vector(line); err == nil {
			return v.Key, 0, true
		}
	case memory.Elements:
		if e, err := c.scanner.Element(line); err == nil {
			return e.ID, space(e), true
		}
	}
	return nil, 0, false
}

// twice finds the rows whose id has come before, among those whose hash did.
// It is given every row of the section once more.
type twice struct {
	checker  *checker
	suspects map[uint64]bool
	seen     map[uint64][][]byte
}

func (t *twice) row(line []byte) error {
	id, in, ok := t.checker.id(line)
	if !ok {
		return nil
	}
	h := t.checker.ids.hash(in, id)
	if !t.suspects[h] {
		return nil
	}
	for _, other := range t.seen[h] {
		if bytes.Equal(other, id) {
			return fmt.Errorf("id %q comes a second time", id)
		}
	}
	if t.seen == nil {
		t.seen = make(map[uint64][][]byte)
	}
	t.seen[h] = append(t.seen[h], bytes.Clone(id))
	return nil
}
