package ldap

import (
	"errors"
	"strings"
	"testing"

	library "github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
)

// TestCodesTellTheKind is the table of answers, for a read and for a change.
func TestCodesTellTheKind(t *testing.T) {
	t.Parallel()
	for code, kinds := range map[uint16][2]fault.Kind{
		library.LDAPResultOperationsError:          {fault.Unavailable, fault.Ambiguous},
		library.LDAPResultOther:                    {fault.Unavailable, fault.Ambiguous},
		library.ErrorNetwork:                       {fault.Unavailable, fault.Ambiguous},
		library.ErrorUnexpectedResponse:            {fault.Unavailable, fault.Ambiguous},
		library.LDAPResultBusy:                     {fault.Unavailable, fault.Unavailable},
		library.LDAPResultUnavailable:              {fault.Unavailable, fault.Unavailable},
		library.LDAPResultInvalidCredentials:       {fault.Unauthorized, fault.Unauthorized},
		library.LDAPResultInsufficientAccessRights: {fault.Unauthorized, fault.Unauthorized},
		library.LDAPResultConfidentialityRequired:  {fault.Unauthorized, fault.Unauthorized},
		library.LDAPResultNoSuchObject:             {fault.NotFound, fault.NotFound},
		library.LDAPResultEntryAlreadyExists:       {fault.Conflict, fault.Conflict},
		library.LDAPResultUnwillingToPerform:       {fault.Conflict, fault.Conflict},
		library.LDAPResultConstraintViolation:      {fault.Invalid, fault.Invalid},
		library.LDAPResultObjectClassViolation:     {fault.Invalid, fault.Invalid},
		library.LDAPResultUndefinedAttributeType:   {fault.Invalid, fault.Invalid},
		library.LDAPResultSizeLimitExceeded:        {fault.Invalid, fault.Invalid},
		library.LDAPResultReferral:                 {fault.Invalid, fault.Invalid},
	} {
		err := library.NewError(code, errors.New("because\n"+strings.Repeat("x", 1000)))
		require.Equal(t, kinds[0], fault.KindOf(failure(err, false, "asking")), "read: %d", code)
		require.Equal(t, kinds[1], fault.KindOf(failure(err, true, "asking")), "change: %d", code)
		if code < library.ErrorNetwork {
			require.Less(t, len(failure(err, true, "asking").Error()), 400)
			require.NotContains(t, failure(err, true, "asking").Error(), "\n")
			require.NotContains(t, refused(err, "asking").Error(), "because")
			require.NotEqual(t, fault.Invalid, fault.KindOf(refused(err, "asking")))
		}
	}
	require.NoError(t, failure(nil, true, "asking"))
	require.Equal(t, fault.Ambiguous, fault.KindOf(failure(errors.New("unable to read"), true, "asking")))
	require.Equal(t, fault.Unavailable, fault.KindOf(failure(errors.New("unable to read"), false, "asking")))
}
