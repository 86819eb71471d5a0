package store

import (
	"fmt"
	"slices"
	"strings"

	"keepsake/internal/memory"
)

// Unread is a database of a store with those of its collections that no source reads.
type Unread struct {
	Tenant, Database string
	Collections      []string
}

// UnreadFindings tells of what no source reads: of the collections beside those that are
// read in a database, by a note, for somebody chose those; of whole databases by a
// warning, unless somebody chose the database: who knows one knows of others.
func UnreadFindings(own Unread, others []Unread, chosen bool) (all []memory.Finding) {
	if n := len(own.Collections); n > 0 {
		all = append(all, memory.Finding{
			Level: memory.Note, Code: "collections-not-read",
			Message: fmt.Sprintf("no source reads %s of database %s: %s", counted(n, "collection"), own.name(), first(own.Collections, 10)),
		})
	}
	others = slices.DeleteFunc(slices.Clone(others), func(u Unread) bool { return len(u.Collections) == 0 })
	if len(others) == 0 || chosen {
		return all
	}
	var names []string
	for _, u := range others {
		names = append(names, fmt.Sprintf("%s (%s: %s)", u.name(), counted(len(u.Collections), "collection"), first(u.Collections, 3)))
	}
	return append(all, memory.Finding{
		Level: memory.Warning, Code: "databases-not-read",
		Message: fmt.Sprintf("no source reads %s that %s here: %s", counted(len(others), "database"), verb(len(others)), first(names, 10)),
		Hint:    "declare a source with tenant and database of each that is a memory",
	})
}

func (u Unread) name() string {
	if u.Tenant == DefaultTenant {
		return u.Database
	}
	return u.Tenant + "/" + u.Database
}

// first joins the first names, and says how many more there are.
func first(names []string, most int) string {
	names = slices.Sorted(slices.Values(names))
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func verb(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
