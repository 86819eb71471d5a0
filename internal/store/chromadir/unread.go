package chromadir

import (
	"context"

	"keepsake/internal/store"
)

// unread tells of the collections and databases that no source reads, of all tenants:
// the directory holds them all.
func (s *Session) unread(ctx context.Context, own []*collection) error {
	if s.config.Known == nil {
		return nil
	}
	all, err := s.copy.db.collections(ctx, "", "")
	if err != nil {
		return err
	}
	mine := store.Unread{Tenant: s.config.Tenant, Database: s.config.Database}
	for _, c := range own {
		if c.foreign(false) == "" && !s.config.Known(c.tenant, c.database, c.name) {
			mine.Collections = append(mine.Collections, c.name)
		}
	}
	at := map[[2]string]int{}
	var others []store.Unread
	for _, c := range all {
		if c.tenant == mine.Tenant && c.database == mine.Database || s.config.Known(c.tenant, c.database, c.name) {
			continue
		}
		key := [2]string{c.tenant, c.database}
		i, ok := at[key]
		if !ok {
			i = len(others)
			at[key] = i
			others = append(others, store.Unread{Tenant: c.tenant, Database: c.database})
		}
		others[i].Collections = append(others[i].Collections, c.name)
	}
	s.findings = append(s.findings, store.UnreadFindings(mine, others, s.config.Chosen)...)
	return nil
}
