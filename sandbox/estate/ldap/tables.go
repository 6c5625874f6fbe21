package ldap

// schemaOf is what a flavour has of its schema: enough for accounts of people and services, groups and folders.
func schemaOf(flavour string) schema {
	if flavour == ActiveDirectory {
		return schema{attributes: attributesOf(activeAttributes), classes: classesOf(activeClasses)}
	}
	return schema{attributes: attributesOf(openAttributes), classes: classesOf(openClasses)}
}

// Those of core, cosine, inetorgperson, nis and ppolicy, and of the schema for SSH keys that many load beside them.
const openAttributes = `
objectClass text
cn text
sn text
uid text
givenName text
displayName text single
mail text
description text
telephoneNumber text
title text
employeeType text
employeeNumber text single
o text
ou text
dc text single
member dn
uniqueMember dn
memberUid exact
uidNumber integer single
gidNumber integer single
homeDirectory exact single
loginShell exact single
gecos text single
shadowExpire integer single
sshPublicKey exact
userPassword secret
pwdAttribute text
pwdLockout flag single
pwdPolicySubentry dn single operational
pwdAccountLockedTime moment single operational
pwdStartTime moment single operational
pwdEndTime moment single operational
memberOf dn operational reserved
`

const openClasses = `
top - abstract objectClass -
person top structural cn,sn userPassword,telephoneNumber,description
organizationalPerson person structural - title,ou
inetOrgPerson organizationalPerson structural - displayName,employeeNumber,employeeType,givenName,mail,o,uid
posixAccount top auxiliary cn,uid,uidNumber,gidNumber,homeDirectory userPassword,loginShell,gecos,description
shadowAccount top auxiliary uid userPassword,shadowExpire,description
ldapPublicKey top auxiliary - sshPublicKey,uid
groupOfNames top structural member,cn o,ou,description
groupOfUniqueNames top structural uniqueMember,cn o,ou,description
posixGroup top structural cn,gidNumber userPassword,memberUid,description
organizationalUnit top structural ou userPassword,description,telephoneNumber
organization top structural o userPassword,description,telephoneNumber
dcObject top auxiliary dc -
device top structural cn o,ou,description
applicationProcess top structural cn ou,description
simpleSecurityObject top auxiliary userPassword -
pwdPolicy top auxiliary pwdAttribute pwdLockout
`

const activeAttributes = `
objectClass text
cn text single
sn text single
ou text
dc text single
givenName text single
displayName text single
mail text single
description text
info text single
adminDescription text single
sAMAccountName text single
userPrincipalName text single
userAccountControl integer single
accountExpires integer single
unicodePwd secret single
altSecurityIdentities text
member dn
memberOf dn reserved
`

const activeClasses = `
top - abstract objectClass description,memberOf,adminDescription
person top structural cn sn
organizationalPerson person structural - displayName,givenName,mail
user organizationalPerson structural sAMAccountName userPrincipalName,userAccountControl,accountExpires,unicodePwd,altSecurityIdentities,info
group top structural cn,sAMAccountName member,mail,info
organizationalUnit top structural ou -
domainDNS top structural dc -
`
