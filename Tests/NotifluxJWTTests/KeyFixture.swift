/// Keys made for these tests alone by the `openssl` command (3.0); nothing anywhere trusts them. Those without a kind of
/// their own in the name are one and the same key.
enum KeyFixture {
  static let pkcs8 = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgvxnSR32WtJUp88+w
    QvDY1ZjQqzAlPyigWN8App9Lxk6hRANCAAQYC60B1UMv5+yMJi48D9yC+8YtydUO
    w1Vt3p0dPTVLFRQ6R+HAG9lvE/c0VYNDz/g2fl00Zb8aUBJzg19V2e7B
    -----END PRIVATE KEY-----

    """
  static let sec1 = """
    -----BEGIN EC PRIVATE KEY-----
    MHcCAQEEIL8Z0kd9lrSVKfPPsELw2NWY0KswJT8ooFjfAKafS8ZOoAoGCCqGSM49
    AwEHoUQDQgAEGAutAdVDL+fsjCYuPA/cgvvGLcnVDsNVbd6dHT01SxUUOkfhwBvZ
    bxP3NFWDQ8/4Nn5dNGW/GlASc4NfVdnuwQ==
    -----END EC PRIVATE KEY-----

    """
  static let sec1WithParameters = """
    -----BEGIN EC PARAMETERS-----
    BggqhkjOPQMBBw==
    -----END EC PARAMETERS-----
    -----BEGIN EC PRIVATE KEY-----
    MHcCAQEEIL8Z0kd9lrSVKfPPsELw2NWY0KswJT8ooFjfAKafS8ZOoAoGCCqGSM49
    AwEHoUQDQgAEGAutAdVDL+fsjCYuPA/cgvvGLcnVDsNVbd6dHT01SxUUOkfhwBvZ
    bxP3NFWDQ8/4Nn5dNGW/GlASc4NfVdnuwQ==
    -----END EC PRIVATE KEY-----

    """
  static let sec1WithoutPublicHalf = """
    -----BEGIN EC PRIVATE KEY-----
    MDECAQEEIL8Z0kd9lrSVKfPPsELw2NWY0KswJT8ooFjfAKafS8ZOoAoGCCqGSM49
    AwEH
    -----END EC PRIVATE KEY-----

    """
  static let sec1WithExplicitCurve = """
    -----BEGIN EC PRIVATE KEY-----
    MIIBaAIBAQQgvxnSR32WtJUp88+wQvDY1ZjQqzAlPyigWN8App9Lxk6ggfowgfcC
    AQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////
    MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57Pr
    vVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEE
    axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W
    K84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8
    YyVRAgEBoUQDQgAEGAutAdVDL+fsjCYuPA/cgvvGLcnVDsNVbd6dHT01SxUUOkfh
    wBvZbxP3NFWDQ8/4Nn5dNGW/GlASc4NfVdnuwQ==
    -----END EC PRIVATE KEY-----

    """
  static let encryptedPKCS8 = """
    -----BEGIN ENCRYPTED PRIVATE KEY-----
    MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh89FT5/uEs0AICCAAw
    DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEMxwhKxzc/MI85Gyy5ccCmkEgZCZ
    xH631uhDEJ0SnSHK+Zt/IshRwQdp4673fkOFpl0LBIBJZcyGqJAfCcqOYhtErWdi
    vMF5ONm2pDSoOf5pr6QRYevpRpZVsL32pzxY8SUjBVYvkE98LGw96cHMgCRhzsjr
    0xZK7Gx8Qmb52mfaG5qnqIRu0fOI6bV+1xwmZpS8VtncB7tAwCDMrPKdcruxlSc=
    -----END ENCRYPTED PRIVATE KEY-----

    """
  static let encryptedSEC1 = """
    -----BEGIN EC PRIVATE KEY-----
    Proc-Type: 4,ENCRYPTED
    DEK-Info: AES-256-CBC,93ED731AA60F033FDB070258D7650660

    MHOWskalwQ/iiLRwbG28wFaDu0hc3U7IyZyk7dTYdS/ux+n6J+cnghaik5yGeY15
    egZXwB5Bmnp8NCg85U/xnRveLhr+JAYFyflgVcma9xZk8sWLi+ftr29UaZLqNrCn
    JintwxPd2dWrreKXzZt50XiOmafBVxyTSN5PCPKnK3o=
    -----END EC PRIVATE KEY-----

    """
  static let encryptedWithWrongLabel = """
    -----BEGIN PRIVATE KEY-----
    MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiSJJ8hpFJ0zAICCAAwDAYIKoZIhvcN
    AgkFADAdBglghkgBZQMEASoEEBiE+ftzoIxwZl8Zt9LEZNgEgZAkxscTOrx4hTEWtpc4OtbelAsE
    JBeUVKuIWHIm2TxQo6dgCkCOyBXLpspIs8CU95hJJ73iV0HLBy4USdu76IckwiWIcjB27FMPlvaC
    Cvw+rAsPhZnt2jKu9kpAKGz+MevC+em31A2GYj0s8utzt1ctNLlFXlt782Q1jguttVldUH/sceLY
    D5rlpCWThBW1dO8=
    -----END PRIVATE KEY-----

    """
  static let mismatchedHalves = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgvxnSR32WtJUp88+w
    QvDY1ZjQqzAlPyigWN8App9Lxk6hRANCAAQa+xJd1Fgckc/JKx7M7kO/ASdx/EQ0
    qvixcWMWYv3LgLRAOC8yWk009S9SeD6PDeVwiSDwFBxqRUDCzOZ6VzFw
    -----END PRIVATE KEY-----

    """
  static let publicKey = """
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGAutAdVDL+fsjCYuPA/cgvvGLcnV
    DsNVbd6dHT01SxUUOkfhwBvZbxP3NFWDQ8/4Nn5dNGW/GlASc4NfVdnuwQ==
    -----END PUBLIC KEY-----

    """
  static let publicCompressed = """
    -----BEGIN PUBLIC KEY-----
    MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADGAutAdVDL+fsjCYuPA/cgvvGLcnV
    DsNVbd6dHT01SxU=
    -----END PUBLIC KEY-----

    """
  static let publicWithExplicitCurve = """
    -----BEGIN PUBLIC KEY-----
    MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA
    AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////
    ///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd
    NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5
    RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA
    //////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABBgLrQHVQy/n7IwmLjwP3IL7
    xi3J1Q7DVW3enR09NUsVFDpH4cAb2W8T9zRVg0PP+DZ+XTRlvxpQEnODX1XZ7sE=
    -----END PUBLIC KEY-----

    """
  static let publicOffCurve = """
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGAutAdVDL+fsjCYuPA/cgvvGLcnV
    DsNVbd6dHT01SxUUOkfhwBvZbxP3NFWDQ8/4Nn5dNGW/GlASc4NfVdnuwA==
    -----END PUBLIC KEY-----

    """
  static let publicAtInfinity = """
    -----BEGIN PUBLIC KEY-----
    MBkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDAgAA
    -----END PUBLIC KEY-----

    """
  static let certificate = """
    -----BEGIN CERTIFICATE-----
    MIIBdDCCARmgAwIBAgIUC0ao4tL09bdgbIFS7Nr528FleDkwCgYIKoZIzj0EAwIw
    DzENMAsGA1UEAwwEdGVzdDAeFw0yNjExMjMxNTI1MDdaFw0yNjExMjQxNTI1MDda
    MA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQYC60B
    1UMv5+yMJi48D9yC+8YtydUOw1Vt3p0dPTVLFRQ6R+HAG9lvE/c0VYNDz/g2fl00
    Zb8aUBJzg19V2e7Bo1MwUTAdBgNVHQ4EFgQU9huRfN0Tr903edgPtin9GyTKvjww
    HwYDVR0jBBgwFoAU9huRfN0Tr903edgPtin9GyTKvjwwDwYDVR0TAQH/BAUwAwEB
    /zAKBggqhkjOPQQDAgNJADBGAiEAlAhHOg2cmgR91drexec6WczboASYtcZv1tSP
    vE6jXp8CIQCYx/T+GKYvPooPZ3/gTAwDmVuWULe8bpXchUr8TiO0rg==
    -----END CERTIFICATE-----

    """
  static let otherPKCS8 = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZc+cL7YhbGrlZKQh
    bXI1QqSY3VAKZfUiZAFkTxA1JTShRANCAAQa+xJd1Fgckc/JKx7M7kO/ASdx/EQ0
    qvixcWMWYv3LgLRAOC8yWk009S9SeD6PDeVwiSDwFBxqRUDCzOZ6VzFw
    -----END PRIVATE KEY-----

    """
  static let otherPublic = """
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGvsSXdRYHJHPySsezO5DvwEncfxE
    NKr4sXFjFmL9y4C0QDgvMlpNNPUvUng+jw3lcIkg8BQcakVAwszmelcxcA==
    -----END PUBLIC KEY-----

    """
  static let p384 = """
    -----BEGIN PRIVATE KEY-----
    MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDBsQTOgOyUiLbUIqQLt
    oMJJsFXj9z58usMI1bLSUAMdId8CKqMVD03yA054+a6UzKehZANiAARFsjeFlBqr
    Hr7Ly7fMtJWwnQoQAPgpm/SGVn6+i5uzMeIaB4N/25hMnXJEEck8xUNKcoLm6MCI
    aMgIbBxbjFVif/R+aL1nhPvLFpzdOkfE7n+jjS+Nbvww3OhVBLgRZFc=
    -----END PRIVATE KEY-----

    """
  static let p384Public = """
    -----BEGIN PUBLIC KEY-----
    MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAERbI3hZQaqx6+y8u3zLSVsJ0KEAD4KZv0
    hlZ+voubszHiGgeDf9uYTJ1yRBHJPMVDSnKC5ujAiGjICGwcW4xVYn/0fmi9Z4T7
    yxac3TpHxO5/o40vjW78MNzoVQS4EWRX
    -----END PUBLIC KEY-----

    """
  static let secp256k1 = """
    -----BEGIN PRIVATE KEY-----
    MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQg0oD5C4uk1QBPq+zUeLX/
    x2WRtLYRTJg3cL77NMxzRUOhRANCAAR5KpwOWpBDsJuRK6kBHoyjFWl6Fki0IGKE
    u98U8G8HFvbICCRVEe4B4wVtcTWjV8j5Ss5Z+95d6e7nZrjCa6UL
    -----END PRIVATE KEY-----

    """
  static let secp256k1Public = """
    -----BEGIN PUBLIC KEY-----
    MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEeSqcDlqQQ7CbkSupAR6MoxVpehZItCBi
    hLvfFPBvBxb2yAgkVRHuAeMFbXE1o1fI+UrOWfveXenu52a4wmulCw==
    -----END PUBLIC KEY-----

    """
  static let rsa = """
    -----BEGIN PRIVATE KEY-----
    MIICeQIBADANBgkqhkiG9w0BAQEFAASCAmMwggJfAgEAAoGBALiEsMoQc5RdUfdt
    2IXOPMe+IMCBBwCy9f5seDSPxAh/bWBXyyjIvWubp7uqKqB8dO8IWMyTQuO3NNFx
    9RY2NgqPjgY9kkUhl556F3Xm0xbbdMVoweiuSm0Nkn97NXjMo9dzweCcT0otg/Qu
    +VhXP6dxLSRoE9VdMpWykZuWHfnBAgMBAAECgYEAgodTbM3whT7y0f8B0b4QXxiP
    oL5lzsfKnx3qdvxQp9ZE8IeKryI6ZVoqcOYy227PZZzY/HccNWyPz642u2zEEsbQ
    2jZYNagAQhCkaqs3DMZTyMuXxoGeP6e8xop5K2VCeeZuFops3TrK+YkSWDnhz8gp
    rCvUW+Un3w2fQFKBoDUCQQDgCbmSUFx+o0WzdDtf2ea+Wn1JhSbUkbRAXxpQyram
    mcZQPPeQ+OyxhpfQGiIQY2BgKqCJNkwOSfJlCXoEEkrbAkEA0teitbmAbSkoXyTR
    6WQ2j6gT1U6lx9OVlq5LT5S1d81zzeQznU5cP9Pg7bwXWPSZC2Fpj8GGfqhiVc6w
    p6RakwJBANGHptv1dpwlvXF5enJJy+kpnlVdR5S09JzjlSwMesjTtsqiSnN2q3/Y
    vjEtz7/+AUvPcjcB5h3TAPWH6GrYZNMCQQCE7e0o056TtDo+2jD6C/OWWOrANoiw
    1sZeLN9Qejp7IO5dJf4gtHHW0Bfk6wxxSi1fjngGaYYJPtJYtSqNV0K/AkEAtqLj
    CRN5jnKvUz2srPzOb1Q4hQKFzVtzQQlvutT7ToKhEYu0kqUbrqd8yCmrvgmQtQGB
    9r7Fyh9TIn1Zmxr3aA==
    -----END PRIVATE KEY-----

    """
  static let rsaTraditional = """
    -----BEGIN RSA PRIVATE KEY-----
    MIICXwIBAAKBgQC4hLDKEHOUXVH3bdiFzjzHviDAgQcAsvX+bHg0j8QIf21gV8so
    yL1rm6e7qiqgfHTvCFjMk0LjtzTRcfUWNjYKj44GPZJFIZeeehd15tMW23TFaMHo
    rkptDZJ/ezV4zKPXc8HgnE9KLYP0LvlYVz+ncS0kaBPVXTKVspGblh35wQIDAQAB
    AoGBAIKHU2zN8IU+8tH/AdG+EF8Yj6C+Zc7Hyp8d6nb8UKfWRPCHiq8iOmVaKnDm
    Mttuz2Wc2Px3HDVsj8+uNrtsxBLG0No2WDWoAEIQpGqrNwzGU8jLl8aBnj+nvMaK
    eStlQnnmbhaKbN06yvmJElg54c/IKawr1FvlJ98Nn0BSgaA1AkEA4Am5klBcfqNF
    s3Q7X9nmvlp9SYUm1JG0QF8aUMq2ppnGUDz3kPjssYaX0BoiEGNgYCqgiTZMDkny
    ZQl6BBJK2wJBANLXorW5gG0pKF8k0elkNo+oE9VOpcfTlZauS0+UtXfNc83kM51O
    XD/T4O28F1j0mQthaY/Bhn6oYlXOsKekWpMCQQDRh6bb9XacJb1xeXpyScvpKZ5V
    XUeUtPSc45UsDHrI07bKokpzdqt/2L4xLc+//gFLz3I3AeYd0wD1h+hq2GTTAkEA
    hO3tKNOek7Q6Ptow+gvzlljqwDaIsNbGXizfUHo6eyDuXSX+ILRx1tAX5OsMcUot
    X454BmmGCT7SWLUqjVdCvwJBALai4wkTeY5yr1M9rKz8zm9UOIUChc1bc0EJb7rU
    +06CoRGLtJKlG66nfMgpq74JkLUBgfa+xcofUyJ9WZsa92g=
    -----END RSA PRIVATE KEY-----

    """
  static let rsaPublic = """
    -----BEGIN PUBLIC KEY-----
    MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC4hLDKEHOUXVH3bdiFzjzHviDA
    gQcAsvX+bHg0j8QIf21gV8soyL1rm6e7qiqgfHTvCFjMk0LjtzTRcfUWNjYKj44G
    PZJFIZeeehd15tMW23TFaMHorkptDZJ/ezV4zKPXc8HgnE9KLYP0LvlYVz+ncS0k
    aBPVXTKVspGblh35wQIDAQAB
    -----END PUBLIC KEY-----

    """
  static let rsaPublicTraditional = """
    -----BEGIN RSA PUBLIC KEY-----
    MIGJAoGBALiEsMoQc5RdUfdt2IXOPMe+IMCBBwCy9f5seDSPxAh/bWBXyyjIvWub
    p7uqKqB8dO8IWMyTQuO3NNFx9RY2NgqPjgY9kkUhl556F3Xm0xbbdMVoweiuSm0N
    kn97NXjMo9dzweCcT0otg/Qu+VhXP6dxLSRoE9VdMpWykZuWHfnBAgMBAAE=
    -----END RSA PUBLIC KEY-----

    """
  static let ed25519 = """
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VwBCIEILWtJPODEA1rpjSE7HlDj7Ml0rqs9qQBjLpMvEnMiKaJ
    -----END PRIVATE KEY-----

    """
  static let ed25519Public = """
    -----BEGIN PUBLIC KEY-----
    MCowBQYDK2VwAyEAa2eJIXfv76lLHQFSG36WkV5fK1k63Tzgy36htoEvV/U=
    -----END PUBLIC KEY-----

    """
}
