package cli

import (
	"fmt"
	"strings"
	"time"

	"keepsake/internal/backup"
	"keepsake/internal/memory"
	"keepsake/internal/restore"
)

// restored tells a backup of the last restore of ours that made a section what it
// is: a swap of our own is no reason to suspect it.
func (m *memoryAt) restored(spec memory.SectionSpec, since time.Time) (backup.Restored, bool) {
	left, ok := restore.LastLeft(m.restores(), spec.Name, spec.Locator, since)
	return backup.Restored(left), ok
}

// acceptedLineages checks what --accept-lineage names.
func acceptedLineages(values []string) ([]memory.Section, error) {
	var out []memory.Section
	for _, v := range values {
		s := memory.Section(v)
		if s.Name() == "" || strings.Count(v, "/") != 1 {
			return nil, usage(fmt.Errorf("--accept-lineage %s: want a section like mc/memory", v))
		}
		out = append(out, s)
	}
	return out, nil
}
