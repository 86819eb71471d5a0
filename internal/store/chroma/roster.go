package chroma

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma/swapmark"
)

// roster is all collections of a database, as one look saw them. An old server
// can't be asked for a collection by its id.
type roster []*collection

const (
	// rosterPage is how many collections are asked for at once.
	rosterPage = 1000
	// mostCollections bounds a listing: what has not ended by then never may.
	mostCollections = 200_000
)

// roster lists the collections, and wants as many as the server counts: what stands
// between us and it may give fewer than we ask for, or the same ones again.
func (c *client) roster(ctx context.Context) (roster, error) {
	var all roster
	var counted int
	for range listTries {
		var err error
		if all, err = c.pages(ctx, c.scope); err != nil {
			return nil, err
		}
		if counted, err = c.collections(ctx); err != nil || counted <= len(all) {
			return all, err
		}
	}
	return nil, fmt.Errorf("list collections: the server counts %d, but lists %d", counted, len(all))
}

// pages lists the collections of a database until a page has nothing that is new. A short page is
// not the last: its size may be another's limit. The server sorts them by id, so that
// a page is not moved by what is renamed meanwhile.
func (c *client) pages(ctx context.Context, scope string) (roster, error) {
	var all roster
	seen := map[string]bool{}
	for {
		var page roster
		r := request{
			what: "list collections", method: http.MethodGet,
			path: fmt.Sprintf("%s/collections?limit=%d&offset=%d", scope, rosterPage, len(all)),
		}
		if err := c.call(ctx, r, nil, &page); err != nil {
			return nil, err
		}
		before := len(all)
		for _, found := range page {
			if !seen[found.ID] {
				seen[found.ID] = true
				all = append(all, found)
			}
		}
		switch {
		case len(all) == before:
			return all, nil
		case len(all) > mostCollections:
			return nil, fmt.Errorf("list collections: more than %d came, and no end", mostCollections)
		}
	}
}

// collections counts them, 0 where the server doesn't say.
func (c *client) collections(ctx context.Context) (int, error) {
	var n int
	r := request{what: "count collections", method: http.MethodGet, path: c.scope + "/collections_count"}
	err := c.call(ctx, r, nil, &n)
	if code := status(err); code/100 == 4 && code != http.StatusTooManyRequests {
		return 0, nil // it has no such question, or not for us
	}
	return n, err
}

func (c roster) find(is func(*collection) bool) *collection {
	for _, found := range c {
		if is(found) {
			return found
		}
	}
	return nil
}

// named returns the collection of that name, nil when there is none.
func (c roster) named(name string) *collection {
	return c.find(func(f *collection) bool { return f.Name == name })
}

// byID returns the collection of that id, nil when there is none.
func (c roster) byID(id string) *collection {
	return c.find(func(f *collection) bool { return f.ID == id })
}

// of returns the collections that swaps of the section's collection have left
// their journals in.
func (c roster) of(name string) []noted {
	var all []noted
	for _, found := range c {
		if n, ok := found.noted(); ok && n.j.Name == name {
			all = append(all, n)
		}
	}
	return all
}

// unfinished returns the plan that began to swap the section's collection and has
// not ended, "" when there is none.
func (c roster) unfinished(name string) string {
	for _, found := range c {
		if plan := swapmark.Unfinished(found.note(swapmark.Key), found.ID, name); plan != "" {
			return plan
		}
	}
	return ""
}

// unfinishedError says whose swap is in the way.
func unfinishedError(plan string) error {
	return fmt.Errorf("%w: plan %s", store.ErrUnfinished, plan)
}

// change is what is to be changed of a collection. The server does both at once,
// or nothing.
type change struct {
	Name     string         `json:"new_name,omitempty"`
	Metadata memory.RawJSON `json:"new_metadata,omitempty"`
}

// annotate gives a collection new metadata in place of what it has; none at all
// takes away what there is.
func (c *client) annotate(ctx context.Context, id string, metadata memory.RawJSON) error {
	return c.put(ctx, "annotate collection", id, change{Metadata: orNothing(metadata)}, 0)
}

// orNothing is what leaves a collection without metadata: {} is refused, and null
// changes nothing, but keys that are null are taken out.
func orNothing(metadata memory.RawJSON) memory.RawJSON {
	if len(metadata) == 0 {
		return memory.RawJSON(`{"` + swapmark.Key + `":null}`)
	}
	return metadata
}

// leave is leave to rename or delete what belongs to one target.
type leave struct {
	permit    guard.Permit
	operation guard.Operation
	locator   memory.Locator
}

func (l leave) check() error { return l.permit.Covers(l.operation, l.locator) }

// rename renames the collection of that id. A name that is taken is a 500, and
// then nothing has changed; tries500 is as of a request.
func (c *client) rename(ctx context.Context, l leave, id string, to change, tries500 int) error {
	if err := l.check(); err != nil {
		return err
	}
	return c.put(ctx, "rename collection to "+to.Name, id, to, tries500)
}

func (c *client) put(ctx context.Context, what, id string, to change, tries500 int) error {
	r := request{
		what: what, method: http.MethodPut, tries500: tries500,
		path: c.scope + "/collections/" + url.PathEscape(id),
	}
	return c.call(ctx, r, to, nil)
}
