package vsphere

import (
	"context"
	"log/slog"
	"net/url"
	"reflect"
	"time"

	"fermata/activities/fault"
	"fermata/activities/secret"

	vimsession "github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// keepAlive is how often an idle session is used: vCenter ends one after 30 idle minutes.
const keepAlive = 10 * time.Minute

// session is the one login that all goroutines share. It begins with the first use, and begins again when vCenter
// says that it is gone.
type session struct {
	config  Config
	target  *url.URL
	secrets secret.Resolver
	log     *slog.Logger
	wire    *soap.Client
	turn    chan struct{} // Held while connecting or logging in; a channel, so that waiting for it can be cancelled.
	// Written while turn is held; a client that was handed out is never changed.
	client     *vim25.Client
	plain      *vim25.Client // Without the repetition after a login.
	generation int           // Logins so far.
	tagging    *rest.Client
	stop       context.CancelFunc
}

func newSession(c Config, target *url.URL, secrets secret.Resolver, log *slog.Logger) (*session, error) {
	wire, err := newWire(c, target)
	if err != nil {
		return nil, err
	}
	s := &session{config: c, target: target, secrets: secrets, log: log, wire: wire, turn: make(chan struct{}, 1)}
	return s, nil
}

func (s *session) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for a login to "+s.target.Host)
	}
}

func (s *session) release() { <-s.turn }

// connect returns the client, logged in.
func (s *session) connect(ctx context.Context) (*vim25.Client, error) {
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer s.release()
	if s.client != nil {
		return s.client, nil
	}
	plain, err := vim25.NewClient(ctx, s.wire)
	if err != nil {
		return nil, reading(err, "connecting to "+s.target.Host)
	}
	plain.RoundTripper = s.wire
	s.plain = plain
	if err := s.login(ctx); err != nil {
		return nil, err
	}
	client := *plain
	client.RoundTripper = s
	background, stop := context.WithCancel(context.Background())
	s.client, s.stop = &client, stop
	go s.staying(background)
	return s.client, nil
}

// login is called with the turn held.
func (s *session) login(ctx context.Context) error {
	user, err := s.user(ctx)
	if err != nil {
		return err
	}
	if err := vimsession.NewManager(s.plain).Login(ctx, user); err != nil {
		return reading(err, "logging in to "+s.target.Host+" as "+s.config.Username)
	}
	s.generation++
	return nil
}

func (s *session) user(ctx context.Context) (*url.Userinfo, error) {
	password, err := s.secrets.Resolve(ctx, s.config.Password)
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "logging in to "+s.target.Host)
	}
	return url.UserPassword(s.config.Username, password.Text()), nil
}

// again logs in anew, unless somebody did since the given login.
func (s *session) again(ctx context.Context, generation int) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.release()
	if s.generation != generation {
		return nil
	}
	s.log.InfoContext(ctx, "the session ended; logging in again", "vcenter", s.target.Host)
	return s.login(ctx)
}

func (s *session) current(ctx context.Context) (int, error) {
	if err := s.take(ctx); err != nil {
		return 0, err
	}
	defer s.release()
	return s.generation, nil
}

// RoundTrip sends one call; where vCenter answers that the session is gone it logs in and sends it once more: such a
// call was not carried out. A call on an object that lived in the lost session fails with the fault all the same,
// and the one who made the object makes it again.
func (s *session) RoundTrip(ctx context.Context, request, response soap.HasFault) error {
	generation, err := s.current(ctx)
	if err != nil {
		return err
	}
	err = s.wire.RoundTrip(ctx, request, response)
	if !is[*types.NotAuthenticated](err) {
		return err
	}
	if login := s.again(ctx, generation); login != nil {
		return login
	}
	if s.ofSession(request) {
		return err
	}
	reflect.ValueOf(response).Elem().FieldByName("Fault_").SetZero() // The first answer's fault would be taken for the second's.
	return s.wire.RoundTrip(ctx, request, response)
}

// ofSession reports whether a call's object ends with the session.
func (s *session) ofSession(request soap.HasFault) bool {
	call := reflect.ValueOf(request).Elem().FieldByName("Req")
	if !call.IsValid() || call.IsNil() {
		return false
	}
	this, ok := call.Elem().FieldByName("This").Interface().(types.ManagedObjectReference)
	if !ok {
		return false
	}
	switch this.Type {
	case "PropertyFilter", "ContainerView":
		return true
	case "PropertyCollector":
		return this != s.plain.ServiceContent.PropertyCollector
	}
	return false
}

// staying uses the session so often that it does not end.
func (s *session) staying(ctx context.Context) {
	ticker := time.NewTicker(keepAlive)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if _, err := methods.GetCurrentTime(ctx, s); err != nil {
				s.log.WarnContext(ctx, "keeping the session alive", "vcenter", s.target.Host, "error", err)
			}
		}
	}
}

// tags runs do with a REST session; where that has ended, with a new one once more.
func (s *session) tags(ctx context.Context, do func(*tags.Manager) error) error {
	if _, err := s.connect(ctx); err != nil {
		return err
	}
	client, err := s.restClient(ctx, nil)
	if err != nil {
		return err
	}
	err = do(tags.NewManager(client))
	if !unauthorizedREST(err) {
		return err
	}
	if client, err = s.restClient(ctx, client); err != nil {
		return err
	}
	return do(tags.NewManager(client))
}

// restClient returns the shared REST client; a new one if the shared one is dead.
func (s *session) restClient(ctx context.Context, dead *rest.Client) (*rest.Client, error) {
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer s.release()
	if s.tagging != nil && s.tagging != dead {
		return s.tagging, nil
	}
	user, err := s.user(ctx)
	if err != nil {
		return nil, err
	}
	client := rest.NewClient(s.plain)
	client.Transport = s.wire.Transport
	if err := client.Login(ctx, user); err != nil {
		return nil, reading(err, "logging in to the REST interface of "+s.target.Host)
	}
	s.tagging = client
	return client, nil
}

func (s *session) close(ctx context.Context) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.release()
	if s.client == nil {
		return nil
	}
	s.stop()
	if s.tagging != nil {
		_ = s.tagging.Logout(ctx)
	}
	err := vimsession.NewManager(s.plain).Logout(ctx)
	s.client, s.tagging = nil, nil
	if is[*types.NotAuthenticated](err) {
		return nil
	}
	return reading(err, "logging out of "+s.target.Host)
}
