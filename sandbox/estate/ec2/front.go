package ec2

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/google/uuid"
)

const (
	version = "2016-11-15"
	target  = "ServiceQuotasV20190624.GetServiceQuota"
)

// refusal is an error as EC2 answers it.
type refusal struct {
	status     int
	code, text string
}

func (r *refusal) Error() string { return r.code + ": " + r.text }

func refuse(status int, code, text string) error { return &refusal{status, code, text} }

// bad is a refusal of a request, in EC2's usual way.
func bad(code, text string) error { return refuse(http.StatusBadRequest, code, text) }

// action is one that EC2 knows. The name of a change is what Lose knows it by; without one it only reads.
type action struct {
	change string
	do     func(*parameters) (any, error)
}

// doing reads an action's parameters, and does it unless the request is a dry run.
func doing[In any](change string, do func(In) (any, error)) action {
	return action{change, func(p *parameters) (any, error) {
		var asked In
		if err := p.decode(&asked); err != nil {
			return nil, err
		}
		if p.dry() {
			return nil, refuse(http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
		}
		return do(asked)
	}}
}

// front serves all requests: they are posts to the root.
func (s *Server) front() http.Handler {
	actions := s.actions()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		switch {
		case err != nil || r.Method != http.MethodPost || r.URL.Path != "/" && r.URL.Path != "":
			sendRefusal(w, bad("InvalidAction", "expected a form that is posted to /"))
		case r.Header.Get("X-Amz-Target") != "":
			s.serveQuotas(w, r, body)
		default:
			s.serve(w, r, body, actions)
		}
	})
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, body []byte, actions map[string]action) {
	form, err := url.ParseQuery(string(body))
	name := form.Get("Action")
	a, known := actions[name]
	p := &parameters{form, map[string]bool{}}
	changes := a.change != "" && !p.dry()
	if early := s.turnAway(r, changes); early != nil {
		sendRefusal(w, early)
		return
	}
	user, refused := s.authenticate(r, body, "ec2")
	switch {
	case refused != nil:
	case err != nil || form.Get("Version") != version || !known:
		refused = bad("InvalidAction", "The action "+name+" is not valid for this web service.")
	case denied(user, name):
		refused = refuse(http.StatusForbidden, "UnauthorizedOperation", "You are not authorized to perform this operation. User: arn:aws:iam::"+s.options.Account+":user/"+user.AccessKeyID+
			" is not authorized to perform: ec2:"+name+" because no identity-based policy allows it. Encoded authorization failure message: "+strings.Repeat("Zm9v", 200))
	}
	if refused != nil {
		sendRefusal(w, refused)
		return
	}
	form.Del("Action")
	form.Del("Version")
	answer, err := s.locked(func() (any, error) { return a.do(p) }, changes)
	if name == "DescribeSecurityGroupRules" {
		s.trouble.read() // Before the answer leaves: whoever reads it acts on what is past.
	}
	if err == nil && changes && (s.trouble.loses(a.change) || s.options.Faults.Lose()) {
		panic(http.ErrAbortHandler) // The connection is closed without an answer.
	}
	if err != nil {
		sendRefusal(w, err)
		return
	}
	send(w, name, answer)
}

// denied tells whether a user's policy does not allow an action.
func denied(u *User, action string) bool {
	for _, pattern := range u.Denied {
		if match, err := path.Match(pattern, action); match || err != nil {
			return true
		}
	}
	return false
}

// locked does one action, and writes the state down if it changed something.
func (s *Server) locked(do func() (any, error), change bool) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, err := do()
	if change && err == nil {
		if err := s.save(); err != nil {
			s.options.Log.Error("saving the state of EC2", "error", err)
			return nil, refuse(http.StatusInternalServerError, "InternalError", "An internal error has occurred")
		}
	}
	return answer, err
}

// turnAway refuses before anything is done: by faults, and by the limits of rates.
func (s *Server) turnAway(r *http.Request, change bool) error {
	if s.options.Faults.Refuse(r.Context()) {
		return refuse(http.StatusServiceUnavailable, "Unavailable", "The server is overloaded and can't handle the request.")
	}
	if s.trouble.throttled(change) {
		return refuse(http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded.")
	}
	return nil
}

// send answers in XML, with the request's id in front.
func send(w http.ResponseWriter, action string, answer any) {
	var b bytes.Buffer
	err := xml.NewEncoder(&b).EncodeElement(answer, xml.StartElement{
		Name: xml.Name{Local: action + "Response"},
		Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: "http://ec2.amazonaws.com/doc/" + version + "/"}},
	})
	if err != nil {
		sendRefusal(w, refuse(http.StatusInternalServerError, "InternalError", err.Error()))
		return
	}
	start, rest, _ := bytes.Cut(b.Bytes(), []byte(">"))
	id := uuid.NewString()
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.Header().Set("X-Amzn-Requestid", id)
	_, _ = w.Write([]byte(xml.Header + string(start) + "><requestId>" + id + "</requestId>" + string(rest)))
}

func sendRefusal(w http.ResponseWriter, err error) {
	var r *refusal
	if !errors.As(err, &r) {
		r = &refusal{http.StatusInternalServerError, "InternalError", err.Error()}
	}
	type one struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	}
	text, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"Response"`
		Errors  []one    `xml:"Errors>Error"`
		ID      string   `xml:"RequestID"`
	}{Errors: []one{{r.code, r.text}}, ID: uuid.NewString()})
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.WriteHeader(r.status)
	_, _ = w.Write(append([]byte(xml.Header), text...))
}

// serveQuotas answers Service Quotas' GetServiceQuota, in JSON.
func (s *Server) serveQuotas(w http.ResponseWriter, r *http.Request, body []byte) {
	answer, err := s.quota(r, body)
	status := http.StatusOK
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		status, answer = refused.status, map[string]string{"__type": refused.code, "message": refused.text}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) quota(r *http.Request, body []byte) (any, error) {
	if err := s.turnAway(r, false); err != nil {
		return nil, err
	}
	user, err := s.authenticate(r, body, "servicequotas")
	if err != nil {
		return nil, err
	}
	var asked struct{ ServiceCode, QuotaCode string }
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	switch err := d.Decode(&asked); {
	case r.Header.Get("X-Amz-Target") != target || err != nil:
		return nil, bad("IllegalArgumentException", "expected GetServiceQuota with ServiceCode and QuotaCode")
	case denied(user, "GetServiceQuota"):
		return nil, bad("AccessDeniedException", "no identity-based policy allows the servicequotas:GetServiceQuota action")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := quotaCodes[asked.ServiceCode+" "+asked.QuotaCode]
	limit, set := s.state.Quotas[name]
	if !set {
		return nil, bad("NoSuchResourceException", "The request failed because the specified quota does not exist.")
	}
	return map[string]any{"Quota": map[string]any{"ServiceCode": asked.ServiceCode, "QuotaCode": asked.QuotaCode, "QuotaName": name, "Value": float64(limit), "Adjustable": true}}, nil
}

// quotaCodes are the quotas that are told.
var quotaCodes = map[string]string{"ec2 L-1216C47A": "cpus", "ec2 L-0263D0A3": "addresses", "vpc L-E79EC296": "groups"}
