// Package frontend gives the rules of package access to a Temporal server: a claim mapper that finds the grant of a client's
// certificate, and an authorizer that asks the grant for each call. Both are needed; what one does not know the other denies.
//
// It links a part of Temporal's server: only the sandbox and fermata-temporal reach it.
package frontend

import (
	"context"
	"errors"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/server/common/authorization"

	"fermata/access"
)

// principalType is the kind of identity that Temporal writes into the events of a history: TLS has proven it.
const principalType = "certificate"

// ClaimMapper finds what is granted to the certificate of a client.
type ClaimMapper struct{ Roles *access.File }

// AuthInfoRequired is false, so that Temporal asks for a client without a certificate too, who gets an error.
func (m ClaimMapper) AuthInfoRequired() bool { return false }

// GetClaims returns the grant as the claims' extension. Temporal's own roles stay empty: nothing but Authorizer can use it.
func (m ClaimMapper) GetClaims(info *authorization.AuthInfo) (*authorization.Claims, error) {
	c := authorization.PeerCert(info.TLSConnection)
	if c == nil {
		return nil, errors.New("a client without a verified certificate has no role")
	}
	g, err := m.Roles.Of(c)
	if err != nil {
		return nil, err
	}
	return &authorization.Claims{Subject: g.Name(), AuthType: principalType, Extensions: g}, nil
}

// Authorizer decides call by call.
type Authorizer struct{}

// Authorize allows what the grant covers. Temporal's own parts come in by the internal frontend, which gives them claims that
// ClaimMapper never gives.
func (Authorizer) Authorize(_ context.Context, claims *authorization.Claims, target *authorization.CallTarget) (authorization.Result, error) {
	denied := authorization.Result{Decision: authorization.DecisionDeny}
	if claims == nil {
		return denied, nil
	}
	principal := &commonpb.Principal{Type: claims.AuthType, Name: claims.Subject}
	if claims.AuthType == authorization.InternalPrincipalType && claims.System == authorization.RoleAdmin {
		return authorization.Result{Decision: authorization.DecisionAllow, Principal: principal}, nil
	}
	g, ok := claims.Extensions.(access.Grant)
	if !ok {
		return denied, nil
	}
	if err := g.Allow(access.Call{API: target.APIName, Namespace: target.Namespace, Request: target.Request}); err != nil {
		denied.Reason = err.Error()
		return denied, nil
	}
	return authorization.Result{Decision: authorization.DecisionAllow, Principal: principal}, nil
}
