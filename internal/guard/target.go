package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"keepsake/internal/memory"
)

// Witness is asked by the guard what only a store can see of a collection. The
// guard asks it at the survey and again at the decision.
type Witness interface {
	// Look returns what stands at the locator now. An error is never "absent".
	Look(ctx context.Context, l memory.Locator) (Sighting, error)
}

// Sighting is what a store saw of a collection.
type Sighting struct {
	Exists       bool
	CollectionID string
	// Mark is the value under MarkKey of the collection's metadata, "" without.
	Mark string
}

// Nature is what sort of thing a store says that it has surveyed: how the guard looks
// at it, and which operations may meet it. It is never proof: what may go is judged by
// what is seen. The zero Nature is refused, and so a kind of store that says none.
type Nature string

// The natures.
const (
	Served   Nature = "collection of a server" // by address; it has a mark
	Embedded Nature = "collection in a file"   // or in memory; it has a mark
	Graph    Nature = "graph"                  // in an SQLite file, or in memory
	Files    Nature = "files"
	Database Nature = "database" // kept whole
)

// Target is one thing that may be destroyed, as a survey saw it. It is no claim
// but a place to look at: NewTarget looks for itself, the decision looks again,
// and the permit looks a third time at the write. The zero Target is unknown.
type Target struct {
	nature   Nature
	locator  memory.Locator
	witness  Witness
	server   string   // scheme, host and port of a server, in one spelling
	location location // of what has a path
	seen     Sighting
	err      error // why it could not be looked at
}

// DemoTarget looks at the folder of a demo, an absolute path. It and BundleTarget
// are the targets that are no store's.
func DemoTarget(ctx context.Context, folder string) Target {
	return folderTarget(ctx, folder)
}

// BundleTarget looks at a folder of a backup root, an absolute path: a bundle, or
// what was one. Only package catalog calls it.
func BundleTarget(ctx context.Context, folder string) Target {
	return folderTarget(ctx, folder)
}

func folderTarget(ctx context.Context, folder string) Target {
	return NewTarget(ctx, Files, memory.Locator{Kind: memory.KindFiles, Path: folder}, nil)
}

// NewTarget looks at the locator. Only a store's Survey calls it. The path of a
// locator is absolute, or ":memory:" for SQLite. A collection needs a witness.
// What could not be looked at is a Target too: one of class Unknown, that says why.
func NewTarget(ctx context.Context, n Nature, l memory.Locator, w Witness) Target {
	t := Target{nature: n, locator: l, witness: w}
	t.err = t.look(ctx)
	return t
}

// Locator returns what the target was surveyed by.
func (t Target) Locator() memory.Locator { return t.locator }

const inMemory = ":memory:"

func (t Target) isMemory() bool {
	return t.locator.Path == inMemory && (t.nature == Graph || t.nature == Embedded)
}

func (t Target) isServer() bool { return t.nature == Served }

func (t *Target) look(ctx context.Context) error {
	var err error
	if t.locator.Kind == "" {
		return errors.New("look at target: no kind of store")
	}
	switch t.nature {
	case Served:
		if t.server, err = serverName(t.locator.Address); err != nil {
			return err
		}
		if t.locator.Collection == "" {
			return errors.New("look at server: no collection is named")
		}
	case Graph, Embedded, Files, Database:
		if t.locator.Address != "" {
			return errors.New("look at path: the locator has an address too")
		}
		if t.isMemory() {
			return nil
		}
		if t.location, err = resolve(t.locator.Path); err != nil {
			return err
		}
	default:
		return fmt.Errorf("look at target: no such kind of store: %q", t.locator.Kind) // it says no nature
	}
	return t.ask(ctx)
}

// ask has the witness look at the collection, where the locator names one.
func (t *Target) ask(ctx context.Context) error {
	if t.locator.Collection == "" && t.locator.CollectionID == "" {
		return nil
	}
	if t.witness == nil {
		return errors.New("look at collection: nobody to ask")
	}
	seen, err := t.witness.Look(ctx, t.locator)
	if err != nil {
		return fmt.Errorf("look at collection: %w", err)
	}
	if seen.Exists == (seen.CollectionID == "") || seen.CollectionID != t.locator.CollectionID {
		return fmt.Errorf("look at collection: its id is %q, not %q", seen.CollectionID, t.locator.CollectionID)
	}
	t.seen = seen
	return nil
}

// again looks at the same place and fails when something else is there.
func (t Target) again(ctx context.Context) (Target, error) {
	now := NewTarget(ctx, t.nature, t.locator, t.witness)
	if err := errors.Join(t.err, now.err); err != nil {
		return now, fmt.Errorf("%w: %w", ErrUnknownTarget, err)
	}
	if now.location != t.location {
		return now, ErrTargetMoved
	}
	return now, nil
}

// serverName spells a Chroma's address in one way: "http://[::1]:8000/path".
func serverName(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("read address: not a URL") // the cause would repeat it, with a password
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", errors.New("read address: not http://host or https://host")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("read address: it has more than host, port and path")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", errors.New("read address: no such port")
	}
	return u.Scheme + "://" + net.JoinHostPort(host, port) + strings.TrimRight(u.Path, "/"), nil
}
