package backup

import (
	"context"
	"fmt"
	"slices"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Bundled returns the sections of a bundle as a source: what was captured then is
// what is captured now. The bundle has been verified by the caller.
func Bundled(b *bundle.Bundle) store.Store { return bundled{b} }

type bundled struct{ bundle *bundle.Bundle }

func (b bundled) Open(_ context.Context, sections []memory.Section) (store.Session, error) {
	var specs []memory.SectionSpec
	for _, spec := range b.bundle.Sections() {
		if len(sections) == 0 || slices.Contains(sections, spec.Name) {
			specs = append(specs, spec)
		}
	}
	return bundledSession{b.bundle, specs}, nil
}

type bundledSession struct {
	bundle *bundle.Bundle
	specs  []memory.SectionSpec
}

func (s bundledSession) Sections(context.Context) ([]memory.SectionSpec, error) { return s.specs, nil }

func (s bundledSession) Read(ctx context.Context, section memory.Section) (*store.Reading, error) {
	if !slices.ContainsFunc(s.specs, func(spec memory.SectionSpec) bool { return spec.Name == section }) {
		return nil, fmt.Errorf("read %s of %s: %w", section, s.bundle.Name(), store.ErrAbsent)
	}
	return store.NewReading(s.bundle.Records(ctx, section), func() memory.Capture { return s.capture(section) }), nil
}

func (s bundledSession) capture(section memory.Section) memory.Capture {
	if meta := s.bundle.Meta(); meta != nil && meta.Keepsake != nil {
		for _, m := range meta.Keepsake.Sections {
			if m.Name == section {
				return m.Capture
			}
		}
	}
	return memory.Capture{}
}

func (bundledSession) Close() error { return nil }
