package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"keepsake/internal/memory"
)

// validate says what in the description of a section can't be.
func (s *SectionMeta) validate() error {
	if err := checkKind(s.Name, s.Kind); err != nil {
		return err
	}
	c := &s.Capture
	switch least := min(c.Before, c.After, c.Held, c.Added, c.Removed, c.Missing, c.Salvaged, c.Unsettled, c.Documentless, c.Unnamed, c.TornBytes); {
	case least < 0:
		return fmt.Errorf("section %q: a count of its capture is below zero", s.Name)
	case s.Failed != "" && s.Rows != 0:
		return fmt.Errorf("section %q: failed and yet has %d rows", s.Name, s.Rows)
	case s.Dimension < 0:
		return fmt.Errorf("section %q: dimension %d is below zero", s.Name, s.Dimension)
	case !slices.Contains([]string{"", "l2", "cosine", "ip"}, s.Distance):
		return fmt.Errorf("section %q: distance %q is none of l2, cosine, ip", s.Name, s.Distance)
	}
	if s.Kind == memory.Opaque && (s.Dimension != 0 || s.Distance != "" || s.Collection != nil || c.Salvaged+c.Documentless+c.Unnamed > 0) {
		return fmt.Errorf("section %q: is opaque, and yet has vectors", s.Name)
	}
	if err := checkCollection(s.Collection); err != nil {
		return fmt.Errorf("section %q: collection: %w", s.Name, err)
	}
	if err := s.checkNotJSON(); err != nil {
		return fmt.Errorf("section %q: notJson: %w", s.Name, err)
	}
	return nil
}

func checkCollection(c *memory.Collection) error {
	if c == nil {
		return nil
	}
	for _, part := range []struct {
		name string
		json memory.RawJSON
	}{{"metadata", c.Metadata}, {"schema", c.Schema}, {"configuration", c.Configuration}} {
		if text := bytes.TrimSpace(part.json); len(text) > 0 && text[0] != '{' && string(text) != "null" {
			return fmt.Errorf("%s is no object", part.name)
		}
	}
	return nil
}

// checkNotJSON: a run that is longer than the file would excuse every line there
// could be.
func (s *SectionMeta) checkNotJSON() error {
	if len(s.NotJSON) > 0 && (s.Kind != memory.Lines || s.Name.Subsystem() == memory.Mailbox) {
		return errors.New("lines of this section are not looked at so")
	}
	last := int64(-1)
	for _, run := range s.NotJSON {
		if run[0] <= last+1 || run[1] < run[0] || run[1] > s.Rows {
			return fmt.Errorf("lines %d to %d are not in order, or not among the %d that there are", run[0], run[1], s.Rows)
		}
		last = run[1]
	}
	return nil
}

// find returns the run that holds a line. Runs are in ascending order.
func (r Ranges) find(line int64) (run Range, ok bool) {
	i, ok := slices.BinarySearchFunc(r, line, func(run Range, line int64) int {
		switch {
		case run[1] < line:
			return -1
		case run[0] > line:
			return 1
		}
		return 0
	})
	if ok {
		run = r[i]
	}
	return run, ok
}

// missing returns the first line of a run that is in none of r's; 0 when all are.
// The runs of r don't touch.
func (r Ranges) missing(run Range) int64 {
	found, ok := r.find(run[0])
	switch {
	case !ok:
		return run[0]
	case found[1] < run[1]:
		return found[1] + 1
	}
	return 0
}
