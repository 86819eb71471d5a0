package either

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// sightings is where the ids of one section were seen. An id is kept as two hashes of
// 64 bits under keys of this run: 16 bytes of it, whatever its length.
type sightings struct {
	seeds [2]maphash.Seed
	seen  map[[2]uint64]sight
	moved int // ids that came or went while it was looked
}

// sight says which looks saw an id.
type sight uint8

const (
	before    sight = 1 << iota // at the server, before the directory was copied
	copied                      // in the directory
	afterward                   // at the server, afterwards
)

func newSightings() *sightings {
	return &sightings{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, seen: map[[2]uint64]sight{}}
}

// errNoList says that a session can't list the ids of its sections.
var errNoList = errors.New("its ids can't be listed")

// compare says why the directory isn't what the server gives, "" when it is. The
// server is listed once more where the two differ, for agents may have been writing:
// a row that was there both times has to be in the directory, and a row of the
// directory has to have been there once.
func (c *sightings) compare(ctx context.Context, s *session, server store.Store, section memory.Section) (string, error) {
	if err := c.list(ctx, s.server, section, before); err != nil {
		return "", err
	}
	if err := c.list(ctx, s.directory, section, copied); err != nil {
		return "", err
	}
	if c.count(func(s sight) bool { return s != before|copied }) == 0 {
		return "", nil
	}
	again, err := server.Open(ctx, []memory.Section{section})
	if err != nil {
		return "", err
	}
	err = errors.Join(c.list(ctx, again, section, afterward), again.Close())
	switch {
	case errors.Is(err, store.ErrAbsent):
		return "the collection went away meanwhile", nil
	case err != nil:
		return "", err
	}
	return c.difference(), nil
}

func (c *sightings) list(ctx context.Context, from store.Session, section memory.Section, as sight) error {
	lister, ok := from.(store.Lister)
	if !ok {
		return errNoList
	}
	for id, err := range lister.IDs(ctx, section) {
		if err != nil {
			return err
		}
		c.seen[[2]uint64{maphash.Bytes(c.seeds[0], id), maphash.Bytes(c.seeds[1], id)}] |= as
	}
	return ctx.Err()
}

func (c *sightings) difference() string {
	lacks := c.count(func(s sight) bool { return s == before|afterward })
	extra := c.count(func(s sight) bool { return s == copied })
	c.moved = c.count(func(s sight) bool { return s != before|copied|afterward })
	switch {
	case lacks > 0:
		return fmt.Sprintf("the directory lacks %d of the ids that the server lists", lacks)
	case extra > 0:
		return fmt.Sprintf("the directory holds %d ids that the server does not list", extra)
	}
	return ""
}

// agrees says why the directory is what the server gives.
func (c *sightings) agrees() string {
	if c.moved == 0 {
		return "it is whole, and its ids are those that the server lists"
	}
	return fmt.Sprintf("it is whole, and its ids are those that the server lists, but for %d that came or went meanwhile", c.moved)
}

func (c *sightings) count(is func(sight) bool) (n int) {
	for _, s := range c.seen {
		if is(s) {
			n++
		}
	}
	return n
}
