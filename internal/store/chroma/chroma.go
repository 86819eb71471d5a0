// Package chroma reads and writes the collections of a Chroma server over its
// HTTP API, version 2. Ids are listed first and rows are got by their ids,
// because offsets shift under deletes. What Chroma does, as it was seen, is in
// docs/chroma.md.
package chroma

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// Config says where a Chroma is and how to talk to it. Fields that are zero, or
// numbers below it, take the defaults named beside them.
type Config struct {
	// BaseURL is scheme, host, port and, behind a proxy, a path. It holds no
	// user-info, query or fragment.
	BaseURL  string
	Tenant   string // default_tenant
	Database string // default_database
	// Token is sent as x-chroma-token; Headers go with every request, as they
	// are. Neither ever shows in an error.
	Token   string
	Headers map[string]string

	// Collections names the collection of each section.
	Collections map[memory.Section]string
	// Others is the subsystem under which Open also finds the collections that
	// Collections does not name; "" finds none. Takes says which: nil takes all but
	// what swaps of ours left, by their marks.
	Others memory.Subsystem
	Takes  func(collection string) bool
	// Literal are those of Others that somebody named as they are.
	Literal []string

	// Known says whether a source reads a collection, or leaves it out on purpose: Open
	// tells of the others. Nil knows nothing, and nothing is told. Chosen says that
	// somebody named the database.
	Known  func(tenant, database, collection string) bool
	Chosen bool

	// Now is the clock for the times of a capture; without it they stay zero.
	Now func() time.Time
	// Client is used instead of one of our own. Its redirects are not followed,
	// and its timeout should be zero: a page may take longer than it looks.
	Client *http.Client

	// Timeout is how long a server may be silent to one thing that is asked of it, all
	// tries together (90s). One that sends, however slowly, isn't given up.
	Timeout time.Duration
	// ConnectTimeout bounds the first contact (10s, and Timeout), ReadTimeout how long
	// an answer may be silent before it is asked for again (two thirds of Timeout),
	// WriteTimeout how long a server may work on one batch (Timeout).
	ConnectTimeout, ReadTimeout, WriteTimeout time.Duration
	// Tries is how often a request is made at most (7), Pause how long it waits
	// the first time (250ms); each later wait is longer, up to 5s.
	Tries int
	Pause time.Duration

	PageRows   int   // rows asked for at once: 1000, at most 5000
	PageBytes  int64 // an answer beyond it is asked for in halves: 16 MiB
	BatchRows  int   // rows sent at once: 1000
	BatchBytes int64 // and their bytes, unless it is one row: 8 MiB
}

// The defaults of Config.
const (
	defaultTenant   = "default_tenant"
	defaultDatabase = "default_database"
	// A server asks its database for each id of a page: too many are an error
	// there, 32,765 as it was seen.
	maxPageRows = 5000
)

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.Tenant = or(c.Tenant, defaultTenant)
	c.Database = or(c.Database, defaultDatabase)
	c.Timeout = positive(c.Timeout, store.DefaultTimeout)
	c.ConnectTimeout = min(positive(c.ConnectTimeout, 10*time.Second), c.Timeout)
	c.ReadTimeout = positive(c.ReadTimeout, c.Timeout*2/3)
	c.WriteTimeout = positive(c.WriteTimeout, c.Timeout)
	c.Tries = positive(c.Tries, 7)
	c.Pause = positive(c.Pause, 250*time.Millisecond)
	c.PageRows = min(positive(c.PageRows, 1000), maxPageRows)
	c.PageBytes = positive(c.PageBytes, 16<<20)
	c.BatchRows = positive(c.BatchRows, 1000)
	c.BatchBytes = positive(c.BatchBytes, 8<<20)
	if c.Now == nil {
		c.Now = func() time.Time { return time.Time{} }
	}
	return c
}

func positive[T cmp.Ordered](value, otherwise T) T {
	var zero T
	if value <= zero {
		return otherwise
	}
	return value
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// Server is one database of a Chroma server, as a store and as a target. Its
// methods may be used by one goroutine at a time.
type Server struct {
	config Config
	client *client
}

// New returns a server; it does not speak to it yet. An address that cannot be
// one, or that holds a secret, is an error.
func New(config Config) (*Server, error) {
	config = config.withDefaults()
	base, err := baseURL(config.BaseURL)
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(config.Token, unicode.IsControl) {
		return nil, errors.New("read Chroma token: it holds a line break or control character")
	}
	config.BaseURL = base
	return &Server{config, newClient(config)}, nil
}

// baseURL checks an address and cuts the slash at its end. It never repeats an
// address that may hold a secret.
func baseURL(address string) (string, error) {
	if strings.Contains(address, "@") {
		return "", &hinted{
			err:  errors.New("parse Chroma address: it holds a user name or password"),
			hint: "give the token in KEEPSAKE_CHROMA_TOKEN, or in a file that the config names",
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("parse Chroma address: it is no URL")
	}
	switch {
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("parse Chroma address: it holds a query or fragment")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return "", fmt.Errorf("parse Chroma address: want http://host:port, got %q", address)
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

// Address is the server's base URL, without a slash at its end.
func (s *Server) Address() string { return s.config.BaseURL }

// locator names a section's collection; id is empty when it does not exist.
func (s *Server) locator(name, id string) memory.Locator {
	return memory.Locator{
		Kind:         memory.KindChroma,
		Address:      s.config.BaseURL,
		Tenant:       s.config.Tenant,
		Database:     s.config.Database,
		Collection:   name,
		CollectionID: id,
	}
}

// ownHTTP is the client that is used when the config brings none. It asks for no
// compression, which costs the server more than the wire, and knows no proxies,
// which would come from the environment.
func ownHTTP(config Config) *http.Client {
	dialer := &net.Dialer{Timeout: config.ConnectTimeout}
	return &http.Client{Transport: &http.Transport{
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: config.ConnectTimeout,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true,
		MaxIdleConnsPerHost: sendersAtOnce + fetchesAtOnce,
		IdleConnTimeout:     time.Minute,
		ReadBufferSize:      64 << 10,
		WriteBufferSize:     64 << 10,
	}}
}
