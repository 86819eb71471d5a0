package store

import (
	"net"
	"net/url"
	"path/filepath"
	"strconv"
)

// Chroma's own names for the tenant and the database that are there from the start.
const (
	DefaultTenant   = "default_tenant"
	DefaultDatabase = "default_database"
)

// Ref says where sections live, as the STORE of an operator does. Fields that don't
// apply to its kind are empty.
type Ref struct {
	Kind string // the name of one in the table of kinds

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
	// relative to Path, with slashes, in the syntax of doublestar. Kinds.Parse leaves
	// it empty: only under sources is a path read as a pattern.
	Pattern string
}

// Address returns "http://host:port" of a server, "" of another kind.
func (r Ref) Address() string {
	if r.Host == "" {
		return ""
	}
	return r.Scheme + "://" + net.JoinHostPort(r.Host, strconv.Itoa(r.Port))
}

// String returns the store as Kinds.Parse reads it; a directory's tenant and database,
// which a STORE has no place for, stand behind it.
func (r Ref) String() string {
	switch {
	case r.Kind == "":
		return ""
	case r.Host == "" && r.Tenant != "" && r.Tenant+"/"+r.Database != DefaultTenant+"/"+DefaultDatabase:
		return r.Kind + ":" + r.Path + " (" + r.Tenant + "/" + r.Database + ")"
	case r.Host == "":
		return r.Kind + ":" + r.files()
	}
	text := r.Kind + ":" + r.Address()
	if r.Tenant != "" {
		text += "/" + url.PathEscape(r.Tenant) + "/" + url.PathEscape(r.Database)
	}
	if r.Collection != "" {
		text += "#" + r.Collection
	}
	return text
}

// files is the path with the pattern behind it, for people.
func (r Ref) files() string {
	if r.Pattern == "" {
		return r.Path
	}
	return filepath.Join(r.Path, filepath.FromSlash(r.Pattern))
}

// Same reports whether both are one store: the same server, tenant and database,
// or the same path. Two names of one host are not seen through.
func (r Ref) Same(other Ref) bool {
	r.Collection, other.Collection = "", ""
	return r.InDatabase() == other.InDatabase()
}

// InDatabase names the tenant and the database where they were left out, and so are
// Chroma's own.
func (r Ref) InDatabase() Ref {
	if r.Tenant == "" {
		r.Tenant, r.Database = DefaultTenant, DefaultDatabase
	}
	return r
}
