package chroma

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"regexp"
	"strings"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/rows"
)

// Foresee implements store.Foreseer: it asks the server all that Merge asks, and adds
// nothing. Of a collection that is absent it judges the name, the only thing of it
// that a server refuses; the names that one takes are in docs/chroma.md.
func (s *Server) Foresee(ctx context.Context, spec memory.SectionSpec, records iter.Seq2[memory.Record, error], opts store.ForeseeOptions) (store.Result, error) {
	defer s.client.close()
	result := store.Result{Proof: or(opts.Proof, store.ProofFull)}
	name, can, err := s.reachFor(ctx, spec.Name)
	if err != nil {
		return result, err
	}
	found, err := s.client.find(ctx, name)
	switch {
	case err != nil:
	case found == nil:
		result.Created = true
		err = fitName(name)
	default:
		err = fits(found, spec)
	}
	if err == nil {
		err = rows.Foresee(ctx, s.table(found, spec, can), records, opts.MergeOptions, &result)
	}
	return result, s.explain("merge", spec.Name, err, nil)
}

var collectionName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]*[a-zA-Z0-9]$`)

// fitName refuses a name that no server gives to a collection.
func fitName(name string) error {
	_, noAddress := netip.ParseAddr(name)
	if len(name) < 3 || len(name) > longestName || !collectionName.MatchString(name) || strings.Contains(name, "..") || noAddress == nil {
		return fmt.Errorf("%w: create collection %s: a server takes names of 3 to %d of a-z, A-Z, 0-9, ., _ and -, with a letter or digit at both ends, without .. and no IP address", store.ErrUnwritable, name, longestName)
	}
	return nil
}

var _ store.Foreseer = (*Server)(nil)
