"""The product beside a contact centre, as processes of their own, told so that a person can follow."""
