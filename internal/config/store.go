package config

import (
	"net"
	"net/url"
	"path/filepath"
	"strconv"

	"keepsake/internal/memory"
)

// Chroma's own names for the tenant and the database that are there from the start.
const (
	DefaultTenant   = "default_tenant"
	DefaultDatabase = "default_database"
)

// Store says where sections live, as a STORE of the command line does. Fields
// that don't apply to its kind are empty.
type Store struct {
	Kind string // memory.KindChroma, KindChromaDir, KindCollections, KindGraph, KindFiles, KindSQLite

	// Scheme is http or https, Host a name or an address without brackets. They
	// and Port are of a Chroma server.
	Scheme, Host string
	Port         int
	// Tenant and Database are both set or both empty, of a server or a directory; empty
	// means Chroma's own.
	Tenant, Database string
	// Collection is empty where the sections' own names are meant.
	Collection string

	// Path is a file or a folder, of every other kind. It is never a pattern.
	Path string
	// Pattern is set where files below the folder Path are meant: what they match,
	// relative to Path, with slashes, in the syntax of doublestar. ParseStore leaves
	// it empty: only under sources is a path read as a pattern.
	Pattern string
}

// Address returns "http://host:port" of a Chroma server, "" of another kind.
func (s Store) Address() string {
	if s.Kind != memory.KindChroma {
		return ""
	}
	return s.Scheme + "://" + net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
}

// String returns the store as ParseStore reads it; a directory's tenant and database,
// which a STORE has no place for, stand behind it.
func (s Store) String() string {
	switch s.Kind {
	case "":
		return ""
	case memory.KindChroma:
	case memory.KindChromaDir:
		if s = s.withDatabase(); s.Tenant == DefaultTenant && s.Database == DefaultDatabase {
			return s.Kind + ":" + s.Path
		}
		return s.Kind + ":" + s.Path + " (" + s.Tenant + "/" + s.Database + ")"
	default:
		return s.Kind + ":" + s.files()
	}
	text := s.Kind + ":" + s.Address()
	if s.Tenant != "" {
		text += "/" + url.PathEscape(s.Tenant) + "/" + url.PathEscape(s.Database)
	}
	if s.Collection != "" {
		text += "#" + s.Collection
	}
	return text
}

// files is the path with the pattern behind it, for people.
func (s Store) files() string {
	if s.Pattern == "" {
		return s.Path
	}
	return filepath.Join(s.Path, filepath.FromSlash(s.Pattern))
}

// Same reports whether both are one place: the same server, tenant and database,
// or the same path. Two names of one host are not seen through.
func (s Store) Same(t Store) bool {
	s.Collection, t.Collection = "", ""
	return s.withDatabase() == t.withDatabase()
}

// withDatabase names the tenant and the database of a Chroma that left them out.
func (s Store) withDatabase() Store {
	if (s.Kind == memory.KindChroma || s.Kind == memory.KindChromaDir) && s.Tenant == "" {
		s.Tenant, s.Database = DefaultTenant, DefaultDatabase
	}
	return s
}

// holdsVectors reports whether the store can hold the knowledge base and memories.
func (s Store) holdsVectors() bool {
	switch s.Kind {
	case memory.KindChroma, memory.KindChromaDir, memory.KindCollections:
		return true
	}
	return false
}
