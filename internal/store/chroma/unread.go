package chroma

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"keepsake/internal/guard"
	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// mostDatabases bounds how many databases are looked into for what nobody reads.
const mostDatabases = 50

// unread tells of the collections and databases that no source reads. Tenants can't be
// listed over HTTP: of others than ours nobody knows. What the server won't tell is no
// reason to fail.
func (s *session) unread(ctx context.Context, all roster) {
	config := s.server.config
	if config.Known == nil {
		return
	}
	own := s.unknown(config.Database, all)
	if config.Chosen { // others are nobody's business here
		s.findings = append(s.findings, store.UnreadFindings(own, nil, true)...)
		return
	}
	others, err := s.others(ctx)
	if code := status(err); err != nil && code/100 != 4 {
		s.findings = append(s.findings, memory.Finding{
			Level: memory.Note, Code: "databases-not-listed",
			Message: fmt.Sprintf("nobody can say whether there are other databases at %s: %v", config.BaseURL, err),
		})
	}
	s.findings = append(s.findings, store.UnreadFindings(own, others, false)...)
}

// unknown are the collections of a database that no source reads, but for those that a
// mark says are no memory.
func (s *session) unknown(database string, all roster) store.Unread {
	u := store.Unread{Tenant: s.server.config.Tenant, Database: database}
	for _, c := range all {
		switch c.mark().Kind {
		case guard.MarkShadow, guard.MarkAside, guard.MarkDisposable:
			continue
		}
		if !s.server.config.Known(u.Tenant, database, c.Name) {
			u.Collections = append(u.Collections, c.Name)
		}
	}
	return u
}

// others are what no source reads of the other databases of the tenant.
func (s *session) others(ctx context.Context) (all []store.Unread, err error) {
	names, err := s.server.client.databases(ctx, s.server.config.Tenant)
	for _, name := range names[:min(mostDatabases, len(names))] {
		if name == s.server.config.Database {
			continue
		}
		found, err := s.server.client.pages(ctx, tenantScope(s.server.config.Tenant)+"/"+url.PathEscape(name))
		if err != nil {
			return all, err
		}
		all = append(all, s.unknown(name, found))
	}
	return all, err
}

func tenantScope(tenant string) string {
	return "/api/v2/tenants/" + url.PathEscape(tenant) + "/databases"
}

// databases lists those of a tenant, until a page has nothing that is new.
func (c *client) databases(ctx context.Context, tenant string) (names []string, err error) {
	seen := map[string]bool{}
	for len(names) <= mostDatabases {
		var page []struct{ Name string }
		r := request{
			what: "list databases", method: http.MethodGet,
			path: fmt.Sprintf("%s?limit=%d&offset=%d", tenantScope(tenant), rosterPage, len(names)),
		}
		if err := c.call(ctx, r, nil, &page); err != nil {
			return names, err
		}
		before := len(names)
		for _, found := range page {
			if !seen[found.Name] {
				seen[found.Name] = true
				names = append(names, found.Name)
			}
		}
		if len(names) == before {
			break
		}
	}
	return names, nil
}
